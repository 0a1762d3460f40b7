use std::sync::Arc;

use super::*;
use crate::ids::Oid;
use crate::sql::binary::Shape;

fn recoded(fields: &[Field], text: &[u8], step: usize) -> Result<Vec<u8>, Unsuitable> {
    let mut recoder = Recoder::new(Arc::from(fields));
    let mut out = Vec::new();
    for block in text.chunks(step.max(1)) {
        recoder.push(block, &mut out)?;
    }
    recoder.end(&mut out)?;
    Ok(out)
}

/// What one value becomes, without all that is around it.
fn value_of(field: Field, text: &str) -> Result<Vec<u8>, Unsuitable> {
    let file = recoded(&[field], format!("{text}\n").as_bytes(), usize::MAX)?;
    let value = &file[BINARY_HEADER.len() + 2..file.len() - BINARY_TRAILER.len()];
    assert_eq!(&value[..4], &(value.len() as u32 - 4).to_be_bytes());
    Ok(value[4..].to_vec())
}

/// Values that must be read, and must be written as they were by what knows the binary form.
const SOUND: &[(Field, &str, &[&str])] = &[
    (Field::Bool, "boolean", &["t", "f"]),
    (Field::Int2, "smallint", &["0", "-32768", "32767"]),
    (Field::Int4, "integer", &["7", "-2147483648", "2147483647"]),
    (Field::Int8, "bigint", &["-9223372036854775808", "9223372036854775807"]),
    (Field::Oid, "oid", &["0", "4294967295"]),
    (Field::Float4, "real", &["0", "-0", "1.5", "3.4028235e+38", "1e-45", "NaN", "Infinity", "-Infinity"]),
    (Field::Float8, "double precision", &["0.1", "1.7976931348623157e+308", "5e-324", "NaN", "-Infinity", "1e+15"]),
    (
        Field::Numeric,
        "numeric",
        &[
            "0",
            "0.00",
            "1",
            "-1",
            "10",
            "9999",
            "10000",
            "10001",
            "123456789012345678901234567890",
            "0.1",
            "0.0001",
            "0.00001",
            "-0.000000050",
            "12.3400",
            "100000000.00000001",
            "70000.0000",
            "0.10000000000000000000000000000000000000000000000001",
            "NaN",
            "Infinity",
            "-Infinity",
        ],
    ),
    (
        Field::Date,
        "date",
        &["2000-01-01", "1999-12-31", "0001-01-01", "9999-12-31", "2024-02-29", "1900-03-01", "infinity", "-infinity"],
    ),
    (Field::Time, "time without time zone", &["00:00:00", "23:59:59.999999", "24:00:00", "01:02:03.5"]),
    (
        Field::Timestamp,
        "timestamp without time zone",
        &["2024-02-29 12:34:56.000001", "0001-01-01 00:00:00", "1999-12-31 23:59:59.99", "infinity", "-infinity"],
    ),
    (
        Field::Timestamptz,
        "timestamp with time zone",
        &["2024-02-29 12:34:56.789+00", "1970-01-01 00:00:00+00", "infinity"],
    ),
    (Field::Uuid, "uuid", &["00112233-4455-6677-8899-aabbccddeeff"]),
    (Field::Text, "text", &["", "plain", "ä€𝄞", "N", "null"]),
    (Field::Jsonb, "jsonb", &["{\"a\": [1, 2]}", "null"]),
];

#[test]
fn what_is_read_is_what_the_binary_form_says() {
    for (field, name, values) in SOUND {
        for value in *values {
            let binary = value_of(*field, value).unwrap_or_else(|_| panic!("{name}: {value}"));
            let mut text = Vec::new();
            Shape::builtin(name).unwrap().render(&binary, &mut text).unwrap_or_else(|_| panic!("{name}: {value}"));
            assert_eq!(String::from_utf8_lossy(&text), *value, "{name}");
        }
    }
}

#[test]
fn what_servers_do_not_write_is_not_guessed() {
    let strange: &[(Field, &[&str])] = &[
        (Field::Bool, &["", "true", "T", "1"]),
        (Field::Int2, &["", "-", "32768", "-32769", "1.0", " 1", "1 ", "0x10", "1_000", "+1"]),
        (Field::Int4, &["2147483648", "-2147483649", "99999999999999999999"]),
        (Field::Int8, &["9223372036854775808", "-9223372036854775809", "12345678901234567890"]),
        (Field::Oid, &["-1", "4294967296"]),
        (Field::Float4, &["", "inf", "nan", "3.5e38", "1,5"]),
        (Field::Float8, &["", "infinity", "1e400", "-1e400", "0x1p3", "1 "]),
        (Field::Numeric, &["", "-", ".5", "1e5", "1,5", "nan", "1 ", "--1"]),
        (
            Field::Date,
            &[
                "",
                "2024-2-1",
                "2023-02-29",
                "1900-02-29",
                "2024-13-01",
                "2024-00-01",
                "2024-04-31",
                "2024-01-00",
                "0000-01-01",
                "0001-01-01 BC",
                "10000-01-01",
                "01/02/2024",
                "now",
            ],
        ),
        (
            Field::Time,
            &[
                "",
                "24:00:00.000001",
                "25:00:00",
                "12:60:00",
                "12:00:60",
                "12:00",
                "12:00:00.",
                "12:00:00.1234567",
                "12:00:00+00",
            ],
        ),
        (
            Field::Timestamp,
            &[
                "2024-01-01",
                "2024-01-01T00:00:00",
                "2024-01-01 24:00:00",
                "2024-01-01 00:00:00+00",
                "0044-03-15 00:00:00 BC",
            ],
        ),
        (
            Field::Timestamptz,
            &["2024-01-01 00:00:00", "2024-01-01 00:00:00+01", "2024-01-01 00:00:00+00:30", "2024-01-01 00:00:00Z"],
        ),
        (
            Field::Uuid,
            &[
                "",
                "00112233-4455-6677-8899-aabbccddeef",
                "00112233445566778899aabbccddeeff0000",
                "{0112233-4455-6677-8899-aabbccddeeff",
                "00112233-4455-6677-8899-AABBCCDDEEFF",
            ],
        ),
        (Field::Bytea, &["", "\\\\x0", "\\\\xAB", "\\x00", "abc", "\\\\000"]),
        (Field::Text, &["\\x41", "\\101", "\\."]),
        (Field::Int4, &["1\t2"]),
    ];
    for (field, values) in strange {
        for value in *values {
            assert_eq!(value_of(*field, value), Err(Unsuitable), "{field:?}: {value:?}");
        }
    }
    assert_eq!(recoded(&[Field::Int4, Field::Int4], b"1\n", 99), Err(Unsuitable));
    assert_eq!(recoded(&[Field::Int4], b"1\n2", 99), Err(Unsuitable));
    assert_eq!(recoded(&[], b"\n", 99), Err(Unsuitable));
}

#[test]
fn escapes_and_nulls_are_resolved() {
    assert_eq!(value_of(Field::Text, r"a\\b\tc\nd\re\bf\fg\vh\\").unwrap(), b"a\\b\tc\nd\re\x08f\x0cg\x0bh\\");
    assert_eq!(value_of(Field::Text, r"\\N").unwrap(), b"\\N");
    assert_eq!(value_of(Field::Bytea, r"\\x00ff7f").unwrap(), [0, 0xff, 0x7f]);
    assert_eq!(value_of(Field::Bytea, r"\\x").unwrap(), b"");
    let nulls = recoded(&[Field::Int4, Field::Text], b"\\N\t\\N\n", 99).unwrap();
    assert_eq!(nulls, [&BINARY_HEADER[..], &[0, 2], &NULL, &NULL, &BINARY_TRAILER].concat());
}

#[test]
fn blocks_may_end_anywhere() {
    let fields = [Field::Int4, Field::Text, Field::Timestamptz];
    let text = "1\tone\\n\t2024-01-01 00:00:00+00\n-22\t\\N\t\\N\n333\tdrei\\\\\tinfinity\n".as_bytes();
    let whole = recoded(&fields, text, text.len()).unwrap();
    for step in 1..text.len() {
        assert_eq!(recoded(&fields, text, step).unwrap(), whole, "by {step}");
    }
    assert_eq!(recoded(&fields, b"", 1).unwrap(), [&BINARY_HEADER[..], &BINARY_TRAILER].concat());
}

#[test]
fn long_rows_are_left_alone() {
    const BLOCK: usize = 64 << 10;
    let row = |length: usize| [&vec![b'x'; length][..], b"\n"].concat();
    assert!(recoded(&[Field::Text], &row(ROW_MAX - BLOCK), BLOCK).is_ok());
    assert!(recoded(&[Field::Text], &row(ROW_MAX + BLOCK), BLOCK).is_err());
}

#[test]
fn only_what_saves_something_is_worth_it() {
    assert!(Field::are_worth_it(&[Field::Int4, Field::Date]));
    assert!(Field::are_worth_it(&[Field::Int4, Field::Text]));
    assert!(!Field::are_worth_it(&[Field::Int4, Field::Int4]));
    assert!(!Field::are_worth_it(&[]));
    assert_eq!(Field::of(Oid(1_186), 'b'), None, "an interval");
    assert_eq!(Field::of(Oid(99_999), 'e'), Some(Field::Text));
    assert_eq!(Field::of(Oid(99_999), 'b'), None);
}
