//! `upload s3://BUCKET NAME` sends its standard input to an S3 server as one object, in parts, eight at a time: the end of the
//! pipeline `pg_dump | age | upload`. Server and keys come from the usual `AWS_` variables.

use std::io::Read;
use std::process::ExitCode;

use object_store::aws::AmazonS3Builder;
use object_store::path::Path;
use object_store::{ObjectStoreExt, WriteMultipart};

/// Bytes of a part, as the clouds' own command lines have it.
const PART: usize = 8 << 20;

/// Parts under way at a time.
const AT_ONCE: usize = 8;

/// Bytes read at once.
const READ: usize = 256 << 10;

type Failure = Box<dyn std::error::Error + Send + Sync>;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [bucket, name] = arguments.as_slice() else {
        eprintln!("usage: upload s3://BUCKET NAME < FILE");
        return ExitCode::from(2);
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    match runtime.map_err(Failure::from).and_then(|runtime| runtime.block_on(upload(bucket, name))) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("upload: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn upload(bucket: &str, name: &str) -> Result<(), Failure> {
    // The HTTP client wants to know whose cryptography it would use; only a second call could fail.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let store = AmazonS3Builder::from_env().with_url(bucket).build()?;
    let mut parts = WriteMultipart::new_with_chunk_size(store.put_multipart(&Path::from(name)).await?, PART);
    // Reading blocks this thread only: parts are sent by the runtime's own.
    let (mut input, mut buffer) = (std::io::stdin().lock(), vec![0; READ]);
    loop {
        let count = input.read(&mut buffer)?;
        if count == 0 {
            break;
        }
        parts.wait_for_capacity(AT_ONCE).await?;
        parts.write(&buffer[..count]);
    }
    parts.finish().await?;
    Ok(())
}
