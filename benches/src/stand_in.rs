//! The least that a server can be: it accepts whoever comes, answers `COPY … TO` with rows made beforehand and swallows what
//! `COPY … FROM` brings. Beside it everything that is measured is the client's.

use std::io::{self, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;

/// Bytes of one write: PostgreSQL's are smaller, and would be most of what is measured.
const WRITE: usize = 128 << 10;

/// Listens on loopback; every connection is served until it ends. `rows` is a text COPY file, sent line by line.
///
/// # Panics
/// When no loopback port can be bound.
pub fn listen(rows: &[u8]) -> SocketAddr {
    let answer = Arc::new(copy_out(rows));
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a loopback port can be bound");
    let address = listener.local_addr().expect("a bound socket has an address");
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let answer = Arc::clone(&answer);
            // A client that goes away ends its own service only.
            std::thread::spawn(move || serve(stream, &answer));
        }
    });
    address
}

/// A message with its tag and length.
fn message(tag: u8, body: &[u8]) -> Vec<u8> {
    let mut message = vec![tag];
    message.extend((body.len() as u32 + 4).to_be_bytes());
    message.extend(body);
    message
}

/// Everything that follows `COPY … TO STDOUT`: one CopyData a row, as PostgreSQL sends them.
fn copy_out(rows: &[u8]) -> Vec<u8> {
    let mut answer = message(b'H', &[0, 0, 0]);
    for row in rows.split_inclusive(|byte| *byte == b'\n') {
        answer.extend(message(b'd', row));
    }
    answer.extend(message(b'c', &[]));
    answer.extend(complete());
    answer
}

/// CommandComplete and ReadyForQuery.
fn complete() -> Vec<u8> {
    [message(b'C', b"COPY 1\0"), message(b'Z', b"I")].concat()
}

fn serve(mut stream: TcpStream, answer: &[u8]) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut input = BufReader::with_capacity(WRITE, stream.try_clone()?);
    body(&mut input)?;
    let hello = [
        message(b'R', &0u32.to_be_bytes()),
        message(b'S', b"server_version\x0018.0\0"),
        message(b'K', &[0; 8]),
        message(b'Z', b"I"),
    ];
    stream.write_all(&hello.concat())?;
    loop {
        let mut tag = [0];
        input.read_exact(&mut tag)?;
        let body = body(&mut input)?;
        match tag[0] {
            b'Q' if body.windows(4).any(|word| word == b"FROM") => stream.write_all(&message(b'G', &[0, 0, 0]))?,
            b'Q' => answer.chunks(WRITE).try_for_each(|part| stream.write_all(part))?,
            b'c' => stream.write_all(&complete())?,
            b'X' => return Ok(()),
            // CopyData, which is what `COPY … FROM` is about, and Flush.
            _ => {}
        }
    }
}

/// A length, and as many bytes as it says.
fn body(input: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut length = [0; 4];
    input.read_exact(&mut length)?;
    let length = u32::from_be_bytes(length).checked_sub(4).ok_or(io::ErrorKind::InvalidData)?;
    let mut body = vec![0; length as usize];
    input.read_exact(&mut body)?;
    Ok(body)
}
