//! Rows that look like TPC-H's lineitem: a few numbers, dates, short words. The same ones every time.

use pgfreight_engine::format::{BINARY_HEADER, BINARY_TRAILER};

/// Bytes of a file, at least.
const SIZE: usize = 8 << 20;

fn random(seed: &mut u64) -> u64 {
    *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    *seed >> 33
}

fn fields(seed: &mut u64, number: u64) -> [String; 6] {
    const WORDS: [&str; 8] = ["carefully", "final", "deposits", "sleep", "quickly", "above", "the", "ironic"];
    let mut word = || WORDS[random(seed) as usize % WORDS.len()];
    let comment = format!("{} {} {}", word(), word(), word());
    let (a, b) = (random(seed) % 200_000, random(seed) % 10_000_000);
    let date = format!("199{}-0{}-1{}", random(seed) % 8, random(seed) % 9 + 1, random(seed) % 10);
    [number.to_string(), a.to_string(), format!("{}.{:02}", b / 100, b % 100), date, "TRUCK".into(), comment]
}

/// A COPY file as text.
pub fn text() -> Vec<u8> {
    let (mut rows, mut seed) = (Vec::with_capacity(SIZE + 200), 1);
    for number in 0.. {
        rows.extend(fields(&mut seed, number).join("\t").into_bytes());
        rows.push(b'\n');
        if rows.len() >= SIZE {
            break;
        }
    }
    rows
}

/// The same rows as a binary COPY file.
pub fn binary() -> Vec<u8> {
    let (mut file, mut seed) = (BINARY_HEADER.to_vec(), 1);
    for number in 0.. {
        let fields = fields(&mut seed, number);
        file.extend((fields.len() as i16).to_be_bytes());
        for field in fields {
            file.extend((field.len() as i32).to_be_bytes());
            file.extend(field.into_bytes());
        }
        if file.len() >= SIZE {
            break;
        }
    }
    file.extend(BINARY_TRAILER);
    file
}
