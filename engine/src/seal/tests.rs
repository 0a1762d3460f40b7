//! Seal and open together: every way of cutting, every kind of damage.

use bytes::Bytes;

use super::*;
use crate::format::CopyFormat;
use crate::format::{BINARY_HEADER, BINARY_TRAILER};

fn identity() -> age::x25519::Identity {
    age::x25519::Identity::generate()
}

fn spec(identity: Option<&age::x25519::Identity>) -> SealSpec {
    let encryption = identity.map_or(Encryption::None, |identity| Encryption::Recipient(identity.to_public().into()));
    SealSpec::new([7; 32], encryption, 1).unwrap()
}

fn by(identity: Option<&age::x25519::Identity>) -> Decryption {
    identity.map_or(Decryption::None, |identity| Decryption::Identity(identity.clone()))
}

fn text(rows: usize) -> Vec<u8> {
    (0..rows).flat_map(|row| format!("{row}\tname {}\t\\N\n", row * row % 977).into_bytes()).collect()
}

fn binary(rows: usize) -> Vec<u8> {
    let mut file = BINARY_HEADER.to_vec();
    for row in 0..rows {
        file.extend(3i16.to_be_bytes());
        file.extend(4i32.to_be_bytes());
        file.extend((row as u32).to_be_bytes());
        file.extend((-1i32).to_be_bytes());
        let value = vec![row as u8; row % 50];
        file.extend((value.len() as i32).to_be_bytes());
        file.extend(value);
    }
    file.extend(BINARY_TRAILER);
    file
}

fn seal(spec: &SealSpec, format: CopyFormat, plain: &[u8], cut: usize) -> (Vec<u8>, SealReceipt) {
    let mut sealer = Sealer::new(spec, format).unwrap().cut_at(1000);
    let mut sealed = Vec::new();
    for part in plain.chunks(cut) {
        sealer.push(part).unwrap();
        while sealer.sealed_len_buffered() >= 1000 {
            let piece = sealer.take().unwrap();
            assert_eq!(piece.len(), 1000);
            sealed.extend_from_slice(&piece);
        }
    }
    let (rest, receipt) = sealer.finish().unwrap();
    sealed.extend(rest.concat());
    (sealed, receipt)
}

fn expected(receipt: &SealReceipt) -> Expected {
    let SealReceipt { rows, raw, plain, sealed, fingerprint, .. } = *receipt;
    Expected { rows, raw, plain, sealed, fingerprint }
}

fn open(mut opener: Opener, sealed: &[u8], cut: usize, room: usize) -> Result<(Vec<u8>, OpenReceipt), SealError> {
    let mut plain = Vec::new();
    let mut parts = sealed.chunks(cut);
    loop {
        let mut out = Vec::with_capacity(room);
        let progress = opener.pull(&mut out)?;
        assert!(out.len() <= room.max(out.capacity()));
        plain.extend(out);
        match (progress, progress == Progress::Hungry) {
            (Progress::Ended, _) => return Ok((plain, opener.finish()?)),
            (_, true) => match parts.next() {
                Some(part) => opener.feed(Bytes::copy_from_slice(part))?,
                None => opener.end_of_sealed()?,
            },
            _ => {}
        }
    }
}

#[test]
fn opens_what_was_sealed_however_it_is_cut() {
    let identity = identity();
    for encrypted in [None, Some(&identity)] {
        let spec = spec(encrypted);
        for (format, plain) in [
            (CopyFormat::Text, Vec::new()),
            (CopyFormat::Text, text(1)),
            (CopyFormat::Text, text(20_000)),
            (CopyFormat::Binary, binary(0)),
            (CopyFormat::Binary, binary(20_000)),
        ] {
            let (_, whole) = seal(&spec, format, &plain, usize::MAX);
            for (cut, room) in [(1 << 16, 1 << 16), (3001, 777), (1 << 20, 1 << 22)] {
                let (sealed, receipt) = seal(&spec, format, &plain, cut);
                assert_eq!((receipt.plain, receipt.id), (whole.plain, whole.id));
                assert_eq!((receipt.rows, receipt.fingerprint), (whole.rows, whole.fingerprint));
                assert_eq!(receipt.sealed_len, sealed.len() as u64);
                let opener = Opener::new(&by(encrypted), format, Some(expected(&receipt))).unwrap();
                let (opened, open) = open(opener, &sealed, cut, room).unwrap();
                assert_eq!(opened, plain);
                assert_eq!((open.rows, open.fingerprint), (receipt.rows, receipt.fingerprint));
            }
        }
    }
}

#[test]
fn one_byte_at_a_time_gives_the_same() {
    let identity = identity();
    for (format, plain) in [(CopyFormat::Text, text(50)), (CopyFormat::Binary, binary(60))] {
        let spec = spec(Some(&identity));
        let (_, whole) = seal(&spec, format, &plain, usize::MAX);
        let (sealed, receipt) = seal(&spec, format, &plain, 1);
        assert_eq!(receipt.fingerprint, whole.fingerprint);
        let opener = Opener::new(&by(Some(&identity)), format, Some(expected(&receipt))).unwrap();
        assert_eq!(open(opener, &sealed, 1, 1).unwrap().0, plain);
    }
}

#[test]
fn exact_age_segments_open_too() {
    // Incompressible rows make sealed lengths move through age's 64 KiB borders.
    let identity = identity();
    let spec = spec(Some(&identity));
    let noise: Vec<u8> = blake3_noise(70_000);
    for length in [65_400, 65_500, 65_510, 65_520, 65_522, 65_523, 65_524, 65_525, 65_526, 65_530, 65_536, 65_540] {
        let mut plain: Vec<u8> = noise[..length].to_vec();
        plain.push(b'\n');
        let (sealed, receipt) = seal(&spec, CopyFormat::Text, &plain, usize::MAX);
        let opener = Opener::new(&by(Some(&identity)), CopyFormat::Text, Some(expected(&receipt))).unwrap();
        assert_eq!(open(opener, &sealed, 4096, 4096).unwrap().0, plain);
    }
}

fn blake3_noise(length: usize) -> Vec<u8> {
    let mut noise = vec![0; length];
    blake3::Hasher::new().update(b"noise").finalize_xof().fill(&mut noise);
    noise.iter_mut().filter(|byte| **byte == b'\n').for_each(|byte| *byte = b'x');
    noise
}

#[test]
fn every_truncation_and_every_flipped_byte_is_refused() {
    let identity = identity();
    for encrypted in [None, Some(&identity)] {
        let spec = spec(encrypted);
        for (format, plain) in [(CopyFormat::Text, text(30)), (CopyFormat::Binary, binary(30))] {
            let (sealed, receipt) = seal(&spec, format, &plain, usize::MAX);
            let make = || Opener::new(&by(encrypted), format, Some(expected(&receipt))).unwrap();
            for length in 0..sealed.len() {
                assert!(open(make(), &sealed[..length], 100, 1000).is_err(), "cut to {length}");
                let mut damaged = sealed.clone();
                damaged[length] ^= 0x20;
                assert!(open(make(), &damaged, 100, 1000).is_err(), "byte {length}");
            }
            let mut longer = sealed.clone();
            longer.push(0);
            assert!(open(make(), &longer, 100, 1000).is_err());
            longer.pop();
            longer.extend_from_slice(&sealed);
            assert!(open(make(), &longer, 1 << 20, 1000).is_err());
        }
    }
}

#[test]
fn another_identity_is_named_as_such() {
    let (sealed, _) = seal(&spec(Some(&identity())), CopyFormat::Text, &text(3), usize::MAX);
    let opener = Opener::new(&by(Some(&identity())), CopyFormat::Text, None).unwrap();
    assert!(matches!(open(opener, &sealed, 10, 10), Err(SealError::WrongIdentity)));
}

#[test]
fn facts_that_differ_are_named() {
    let (sealed, receipt) = seal(&spec(None), CopyFormat::Text, &text(30), usize::MAX);
    let right = expected(&receipt);
    let wrong = [
        (Expected { rows: 31, ..right }, "row count"),
        (Expected { raw: right.raw - 1, ..right }, "length"),
        (Expected { raw: right.raw + 1, ..right }, "length"),
        (Expected { plain: Digest([0; 32]), ..right }, "plain digest"),
        (Expected { sealed: Digest([0; 32]), ..right }, "sealed digest"),
        (Expected { fingerprint: Default::default(), ..right }, "fingerprint"),
    ];
    for (expected, name) in wrong {
        let opener = Opener::new(&Decryption::None, CopyFormat::Text, Some(expected)).unwrap();
        match open(opener, &sealed, 1000, 1000) {
            Err(SealError::Mismatch { what }) => assert_eq!(what, name),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_huge_ratio_comes_out_in_small_portions() {
    let mut plain = vec![b'a'; 20 << 20];
    plain.push(b'\n');
    let (sealed, receipt) = seal(&spec(None), CopyFormat::Text, &plain, 1 << 20);
    assert!(sealed.len() < 20_000);
    let mut opener = Opener::new(&Decryption::None, CopyFormat::Text, Some(expected(&receipt))).unwrap();
    opener.feed(Bytes::from(sealed)).unwrap();
    let mut out = Vec::with_capacity(1000);
    assert_eq!(opener.pull(&mut out).unwrap(), Progress::Full);
    assert_eq!((out.len(), out.capacity()), (1000, 1000));
}

#[test]
fn levels_that_need_large_windows_are_refused() {
    assert!(SealSpec::new([0; 32], Encryption::None, 20).is_err());
    assert!(SealSpec::new([0; 32], Encryption::None, 0).is_err());
    // The highest allowed one opens within the window limit.
    let spec = SealSpec::new([0; 32], Encryption::None, 19).unwrap();
    let (sealed, receipt) = seal(&spec, CopyFormat::Text, &text(1_000), 1 << 20);
    let opener = Opener::new(&Decryption::None, CopyFormat::Text, Some(expected(&receipt))).unwrap();
    open(opener, &sealed, 1 << 16, 1 << 16).unwrap();
}

#[test]
fn fingerprints_ignore_order_and_chunking_but_see_every_change() {
    let hash = |plain: &[u8]| {
        let mut hasher = RowHasher::new(CopyFormat::Text);
        hasher.push(plain).unwrap();
        hasher.finish().unwrap()
    };
    let (rows, sum) = hash(b"a\nb\nc\n");
    assert_eq!(rows, 3);
    assert_eq!(sum, hash(b"c\na\nb\n").1);
    assert_eq!(sum, hash(b"c\n").1 + hash(b"a\nb\n").1);
    for other in [&b"a\nb\nd\n"[..], b"a\nb\n", b"a\nb\nc\nc\n", b"ab\n\nc\n"] {
        assert_ne!(sum, hash(other).1);
    }
}

#[test]
fn malformed_binary_files_are_refused_where_they_break() {
    let good = binary(3);
    let push = |bytes: &[u8], cut: usize| {
        let mut hasher = RowHasher::new(CopyFormat::Binary);
        bytes.chunks(cut).try_for_each(|part| hasher.push(part))?;
        hasher.finish()
    };
    let first = BINARY_HEADER.len();
    let mut cases = Vec::new();
    let mut edit = |at: usize, with: &[u8]| {
        let mut bad = good.clone();
        bad[at..at + with.len()].copy_from_slice(with);
        cases.push(bad);
    };
    edit(0, b"X");
    edit(13, &[1]); // "has OIDs" flag
    edit(18, &[1]); // header extension
    edit(first, &(-2i16).to_be_bytes());
    edit(first + 2, &(-2i32).to_be_bytes());
    edit(first, &2i16.to_be_bytes());
    cases.push([good.clone(), vec![0]].concat());
    cases.push(good[..good.len() - 2].to_vec());
    cases.push(good[..good.len() - 5].to_vec());
    for bad in cases {
        for cut in [1, 7, 1 << 20] {
            assert!(push(&bad, cut).is_err());
        }
    }
    assert_eq!(push(&good, 1), push(&good, 1 << 20));
    assert_eq!(push(b"PGCOPY\n\xff\r\n\0\0\0\0\x01", 99), Err(FramingError::Header(14)));
}

#[test]
fn no_secret_shows_in_debug() {
    let identity = identity();
    let shown = format!("{:?} {:?}", spec(Some(&identity)), by(Some(&identity)));
    assert!(!shown.contains('7') && !shown.contains("AGE"), "{shown}");
}
