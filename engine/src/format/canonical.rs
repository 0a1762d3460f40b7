//! Canonical JSON: one encoding per value (promise of docs/FORMAT.md, "Canonical JSON").
//!
//! Keys sorted by their UTF-8 bytes, no white space, integers only, UTF-8, and no escape but the shortest one for a
//! character that needs one. Decoding parses, encodes what it understood and compares: a spelling other than the
//! canonical one, an unknown or repeated field, an explicit default, all differ somewhere and are refused. So a value
//! has one digest and one signature, and nothing can hide in a file that a reader would not see.
//!
//! The encoder writes into one buffer, where the fields of a map are put in order when it closes; it never holds a tree of
//! values.

use std::borrow::Cow;
use std::io::Write as _;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde::ser::{self, Impossible, SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant};
use serde::ser::{SerializeTuple, SerializeTupleStruct, SerializeTupleVariant};

/// Why a value has no canonical form, or bytes are not one.
#[derive(Debug, thiserror::Error)]
pub enum CanonicalError {
    /// The value cannot be written: a float, a byte string, a key that is no string, a repeated key.
    #[error("no canonical form: {0}")]
    Unwritable(String),
    /// Not JSON, or not of the expected shape.
    #[error(transparent)]
    Syntax(#[from] serde_json::Error),
    /// Understood, but not spelled the one permitted way.
    #[error("not canonical: byte {at} differs from the canonical encoding")]
    Spelling {
        /// Offset of the first byte that differs.
        at: usize,
    },
}

impl ser::Error for CanonicalError {
    fn custom<T: std::fmt::Display>(msg: T) -> Self {
        Self::Unwritable(msg.to_string())
    }
}

/// The canonical encoding of a value.
pub fn encode<T: Serialize + ?Sized>(value: &T) -> Result<Vec<u8>, CanonicalError> {
    let mut out = Vec::new();
    encode_into(&mut out, value)?;
    Ok(out)
}

/// Appends the canonical encoding of a value.
pub fn encode_into<T: Serialize + ?Sized>(out: &mut Vec<u8>, value: &T) -> Result<(), CanonicalError> {
    value.serialize(Encoder { out })
}

/// The value whose canonical encoding these bytes are.
pub fn decode<T: Serialize + DeserializeOwned>(bytes: &[u8]) -> Result<T, CanonicalError> {
    decode_as(bytes, |value| encode(value))
}

/// The same of a value that stands inside another one, which `encode` puts around it again.
pub fn decode_as<T: DeserializeOwned>(
    bytes: &[u8],
    encode: impl FnOnce(&T) -> Result<Vec<u8>, CanonicalError>,
) -> Result<T, CanonicalError> {
    let value: T = serde_json::from_slice(bytes)?;
    let again = encode(&value)?;
    if again == bytes {
        return Ok(value);
    }
    let at = bytes.iter().zip(&again).take_while(|(a, b)| a == b).count();
    Err(CanonicalError::Spelling { at })
}

/// Writes a string with the shortest escapes: `\"` `\\` `\b` `\t` `\n` `\f` `\r`, `\u00xx` for other controls below
/// 0x20, everything else as itself.
fn write_str(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    for bytes in text.as_bytes().chunks(STRETCH) {
        match bytes.iter().fold(false, |any, byte| any | (*byte < 0x20) | (*byte == b'"') | (*byte == b'\\')) {
            true => write_escaped(out, bytes),
            false => out.extend_from_slice(bytes),
        }
    }
    out.push(b'"');
}

/// So many bytes are looked at together for what must be escaped, which most have not.
const STRETCH: usize = 64;

fn write_escaped(out: &mut Vec<u8>, bytes: &[u8]) {
    let mut from = 0;
    for (at, &byte) in bytes.iter().enumerate() {
        let short = match byte {
            b'"' => b'"',
            b'\\' => b'\\',
            0x08 => b'b',
            b'\t' => b't',
            b'\n' => b'n',
            0x0c => b'f',
            b'\r' => b'r',
            0..=0x1f => 0,
            _ => continue,
        };
        out.extend_from_slice(&bytes[from..at]);
        out.push(b'\\');
        if short == 0 {
            out.extend_from_slice(format!("u{byte:04x}").as_bytes());
        } else {
            out.push(short);
        }
        from = at + 1;
    }
    out.extend_from_slice(&bytes[from..]);
}

struct Encoder<'a> {
    out: &'a mut Vec<u8>,
}

/// An open array, and what closes it (an enum variant's array closes its one-key object too).
struct Seq<'a> {
    out: &'a mut Vec<u8>,
    first: bool,
    close: &'static [u8],
}

/// An open map: its fields stand in the buffer as they came, each behind a comma.
struct Map<'a> {
    out: &'a mut Vec<u8>,
    key: Option<String>,
    /// Where the first field begins.
    start: usize,
    /// Each field's key and length in the buffer.
    fields: Vec<(Cow<'static, str>, usize)>,
    close: &'static [u8],
}

impl<'a> Encoder<'a> {
    fn integer(self, digits: impl std::fmt::Display) {
        // Writing to a vector cannot fail.
        let _ = write!(self.out, "{digits}");
    }

    fn seq(self, close: &'static [u8]) -> Seq<'a> {
        self.out.push(b'[');
        Seq { out: self.out, first: true, close }
    }

    fn map(self, fields: usize, close: &'static [u8]) -> Map<'a> {
        let start = self.out.len();
        Map { out: self.out, key: None, start, fields: Vec::with_capacity(fields), close }
    }

    fn open_variant(self, variant: &str) -> Self {
        self.out.push(b'{');
        write_str(self.out, variant);
        self.out.push(b':');
        self
    }
}

impl Seq<'_> {
    fn element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), CanonicalError> {
        if !self.first {
            self.out.push(b',');
        }
        self.first = false;
        value.serialize(Encoder { out: self.out })
    }

    fn close(self) {
        self.out.extend_from_slice(self.close);
    }
}

impl Map<'_> {
    fn field<T: Serialize + ?Sized>(&mut self, key: Cow<'static, str>, value: &T) -> Result<(), CanonicalError> {
        let from = self.out.len();
        self.out.push(b',');
        write_str(self.out, &key);
        self.out.push(b':');
        value.serialize(Encoder { out: &mut *self.out })?;
        self.fields.push((key, self.out.len() - from));
        Ok(())
    }

    fn close(mut self) -> Result<(), CanonicalError> {
        self.sort();
        if let Some(pair) = self.fields.windows(2).find(|pair| pair[0].0 == pair[1].0) {
            return Err(CanonicalError::Unwritable(format!("key {:?} stands twice", pair[0].0)));
        }
        match self.fields.is_empty() {
            true => self.out.push(b'{'),
            false => self.out[self.start] = b'{',
        }
        self.out.extend_from_slice(self.close);
        Ok(())
    }

    /// Sorts the fields by key where they stand: each moves in front of those that come after it.
    fn sort(&mut self) {
        let mut end = self.start;
        for next in 0..self.fields.len() {
            let (key, length) = &self.fields[next];
            end += length;
            let place = self.fields[..next].partition_point(|(other, _)| !is_before(key, other));
            if place < next {
                let before: usize = self.fields[place..next].iter().map(|(_, length)| length).sum();
                self.out[end - length - before..end].rotate_right(*length);
                self.fields[place..=next].rotate_right(1);
            }
        }
    }
}

/// Whether a key stands in front of another. Most differ in their first byte.
fn is_before(key: &str, other: &str) -> bool {
    match (key.as_bytes().first(), other.as_bytes().first()) {
        (a, b) if a == b => key < other,
        (a, b) => a < b,
    }
}

macro_rules! integers {
    ($($method:ident: $kind:ty),*) => {
        $(fn $method(self, v: $kind) -> Result<(), CanonicalError> {
            self.integer(v);
            Ok(())
        })*
    };
}

impl<'a> ser::Serializer for Encoder<'a> {
    type Ok = ();
    type Error = CanonicalError;
    type SerializeSeq = Seq<'a>;
    type SerializeTuple = Seq<'a>;
    type SerializeTupleStruct = Seq<'a>;
    type SerializeTupleVariant = Seq<'a>;
    type SerializeMap = Map<'a>;
    type SerializeStruct = Map<'a>;
    type SerializeStructVariant = Map<'a>;

    integers!(serialize_i8: i8, serialize_i16: i16, serialize_i32: i32, serialize_i64: i64, serialize_u8: u8);
    integers!(serialize_u16: u16, serialize_u32: u32, serialize_u64: u64);

    fn serialize_bool(self, v: bool) -> Result<(), CanonicalError> {
        self.out.extend_from_slice(if v { b"true" } else { b"false" });
        Ok(())
    }

    fn serialize_f32(self, _: f32) -> Result<(), CanonicalError> {
        Err(CanonicalError::Unwritable("floating-point number".into()))
    }

    fn serialize_f64(self, _: f64) -> Result<(), CanonicalError> {
        Err(CanonicalError::Unwritable("floating-point number".into()))
    }

    fn serialize_char(self, v: char) -> Result<(), CanonicalError> {
        write_str(self.out, v.encode_utf8(&mut [0; 4]));
        Ok(())
    }

    fn serialize_str(self, v: &str) -> Result<(), CanonicalError> {
        write_str(self.out, v);
        Ok(())
    }

    fn serialize_bytes(self, _: &[u8]) -> Result<(), CanonicalError> {
        Err(CanonicalError::Unwritable("byte string".into()))
    }

    fn serialize_none(self) -> Result<(), CanonicalError> {
        self.serialize_unit()
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), CanonicalError> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<(), CanonicalError> {
        self.out.extend_from_slice(b"null");
        Ok(())
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<(), CanonicalError> {
        self.serialize_unit()
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Result<(), CanonicalError> {
        write_str(self.out, variant);
        Ok(())
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, v: &T) -> Result<(), CanonicalError> {
        v.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<(), CanonicalError> {
        let open = self.open_variant(variant);
        value.serialize(Encoder { out: &mut *open.out })?;
        open.out.push(b'}');
        Ok(())
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Seq<'a>, CanonicalError> {
        Ok(self.seq(b"]"))
    }

    fn serialize_tuple(self, _: usize) -> Result<Seq<'a>, CanonicalError> {
        Ok(self.seq(b"]"))
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Seq<'a>, CanonicalError> {
        Ok(self.seq(b"]"))
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Seq<'a>, CanonicalError> {
        Ok(self.open_variant(variant).seq(b"]}"))
    }

    fn serialize_map(self, fields: Option<usize>) -> Result<Map<'a>, CanonicalError> {
        Ok(self.map(fields.unwrap_or_default(), b"}"))
    }

    fn serialize_struct(self, _: &'static str, fields: usize) -> Result<Map<'a>, CanonicalError> {
        Ok(self.map(fields, b"}"))
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        fields: usize,
    ) -> Result<Map<'a>, CanonicalError> {
        Ok(self.open_variant(variant).map(fields, b"}}"))
    }
}

macro_rules! sequences {
    ($($shape:ident: $method:ident),*) => {
        $(impl $shape for Seq<'_> {
            type Ok = ();
            type Error = CanonicalError;

            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), CanonicalError> {
                self.element(value)
            }

            fn end(self) -> Result<(), CanonicalError> {
                self.close();
                Ok(())
            }
        })*
    };
}

sequences!(SerializeSeq: serialize_element, SerializeTuple: serialize_element);
sequences!(SerializeTupleStruct: serialize_field, SerializeTupleVariant: serialize_field);

macro_rules! structs {
    ($($shape:ident),*) => {
        $(impl $shape for Map<'_> {
            type Ok = ();
            type Error = CanonicalError;

            fn serialize_field<T: Serialize + ?Sized>(
                &mut self,
                key: &'static str,
                value: &T,
            ) -> Result<(), CanonicalError> {
                self.field(Cow::Borrowed(key), value)
            }

            fn end(self) -> Result<(), CanonicalError> {
                self.close()
            }
        })*
    };
}

structs!(SerializeStruct, SerializeStructVariant);

impl SerializeMap for Map<'_> {
    type Ok = ();
    type Error = CanonicalError;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), CanonicalError> {
        self.key = Some(key.serialize(KeyText)?);
        Ok(())
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), CanonicalError> {
        let key = self.key.take().ok_or_else(|| CanonicalError::Unwritable("value without key".into()))?;
        self.field(Cow::Owned(key), value)
    }

    fn end(self) -> Result<(), CanonicalError> {
        self.close()
    }
}

/// Map keys: strings, and integers as their digits (serde_json reads them back so).
struct KeyText;

fn no_key<T>() -> Result<T, CanonicalError> {
    Err(CanonicalError::Unwritable("key that is neither string nor integer".into()))
}

macro_rules! key_digits {
    ($($method:ident: $kind:ty),*) => {
        $(fn $method(self, v: $kind) -> Result<String, CanonicalError> {
            Ok(v.to_string())
        })*
    };
}

macro_rules! key_refused {
    ($($method:ident($($arg:ty),*) -> $out:ty;)*) => {
        $(fn $method(self, $(_: $arg),*) -> Result<$out, CanonicalError> {
            no_key()
        })*
    };
}

type No = Impossible<String, CanonicalError>;

impl ser::Serializer for KeyText {
    type Ok = String;
    type Error = CanonicalError;
    type SerializeSeq = No;
    type SerializeTuple = No;
    type SerializeTupleStruct = No;
    type SerializeTupleVariant = No;
    type SerializeMap = No;
    type SerializeStruct = No;
    type SerializeStructVariant = No;

    key_digits!(serialize_i8: i8, serialize_i16: i16, serialize_i32: i32, serialize_i64: i64, serialize_u8: u8);
    key_digits!(serialize_u16: u16, serialize_u32: u32, serialize_u64: u64, serialize_char: char, serialize_str: &str);

    key_refused! {
        serialize_bool(bool) -> String;
        serialize_f32(f32) -> String;
        serialize_f64(f64) -> String;
        serialize_bytes(&[u8]) -> String;
        serialize_none() -> String;
        serialize_unit() -> String;
        serialize_unit_struct(&'static str) -> String;
        serialize_seq(Option<usize>) -> No;
        serialize_tuple(usize) -> No;
        serialize_tuple_struct(&'static str, usize) -> No;
        serialize_tuple_variant(&'static str, u32, &'static str, usize) -> No;
        serialize_map(Option<usize>) -> No;
        serialize_struct(&'static str, usize) -> No;
        serialize_struct_variant(&'static str, u32, &'static str, usize) -> No;
    }

    fn serialize_some<T: Serialize + ?Sized>(self, _: &T) -> Result<String, CanonicalError> {
        no_key()
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Result<String, CanonicalError> {
        Ok(variant.to_owned())
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, v: &T) -> Result<String, CanonicalError> {
        v.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: &T,
    ) -> Result<String, CanonicalError> {
        no_key()
    }

    fn collect_str<T: std::fmt::Display + ?Sized>(self, value: &T) -> Result<String, CanonicalError> {
        Ok(value.to_string())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde::Deserialize;

    use super::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Sample {
        zebra: u32,
        apple: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        maybe: Option<i64>,
        kind: Kind,
        map: BTreeMap<u32, bool>,
    }

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    #[serde(rename_all = "snake_case")]
    enum Kind {
        Plain,
        One(u8),
        Two(u8, u8),
        Named { b: u8, a: u8 },
    }

    fn sample(kind: Kind) -> Sample {
        Sample {
            zebra: 7,
            apple: "ä\"\\\n\u{1}/€".into(),
            maybe: None,
            kind,
            map: BTreeMap::from([(10, true), (9, false)]),
        }
    }

    #[test]
    fn one_encoding_with_sorted_keys_and_short_escapes() {
        let bytes = encode(&sample(Kind::Named { b: 1, a: 2 })).unwrap();
        let expected = "{\"apple\":\"ä\\\"\\\\\\n\\u0001/€\",\"kind\":{\"named\":{\"a\":2,\"b\":1}},\
                        \"map\":{\"10\":true,\"9\":false},\"zebra\":7}";
        assert_eq!(String::from_utf8(bytes).unwrap(), expected);
    }

    #[test]
    fn decodes_what_it_encodes() {
        for kind in [Kind::Plain, Kind::One(1), Kind::Two(1, 2), Kind::Named { b: 0, a: 255 }] {
            let value = sample(kind);
            assert_eq!(decode::<Sample>(&encode(&value).unwrap()).unwrap(), value);
        }
    }

    #[test]
    fn every_other_spelling_is_refused() {
        let good = "{\"apple\":\"a\",\"kind\":\"plain\",\"map\":{},\"zebra\":7}";
        assert!(decode::<Sample>(good.as_bytes()).is_ok());
        let bad = [
            ("white space", "{ \"apple\":\"a\",\"kind\":\"plain\",\"map\":{},\"zebra\":7}"),
            ("newline at the end", "{\"apple\":\"a\",\"kind\":\"plain\",\"map\":{},\"zebra\":7}\n"),
            ("order", "{\"kind\":\"plain\",\"apple\":\"a\",\"map\":{},\"zebra\":7}"),
            ("unknown field", "{\"apple\":\"a\",\"extra\":1,\"kind\":\"plain\",\"map\":{},\"zebra\":7}"),
            ("repeated field", "{\"apple\":\"a\",\"apple\":\"a\",\"kind\":\"plain\",\"map\":{},\"zebra\":7}"),
            ("long escape", "{\"apple\":\"\\u0061\",\"kind\":\"plain\",\"map\":{},\"zebra\":7}"),
            ("explicit default", "{\"apple\":\"a\",\"kind\":\"plain\",\"map\":{},\"maybe\":null,\"zebra\":7}"),
            ("leading zero", "{\"apple\":\"a\",\"kind\":\"plain\",\"map\":{},\"zebra\":07}"),
            ("float", "{\"apple\":\"a\",\"kind\":\"plain\",\"map\":{},\"zebra\":7.0}"),
            ("repeated map key", "{\"apple\":\"a\",\"kind\":\"plain\",\"map\":{\"1\":true,\"1\":true},\"zebra\":7}"),
            ("truncated", "{\"apple\":\"a\",\"kind\":\"plain\",\"map\":{},\"zebra\":7"),
        ];
        for (name, text) in bad {
            assert!(decode::<Sample>(text.as_bytes()).is_err(), "{name}");
        }
        assert!(decode::<Sample>(b"{\"apple\":\"\xff\",\"kind\":\"plain\",\"map\":{},\"zebra\":7}").is_err());
    }

    #[test]
    fn floats_have_no_canonical_form() {
        assert!(matches!(encode(&1.5f64), Err(CanonicalError::Unwritable(_))));
    }
}
