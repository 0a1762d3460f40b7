//! Binary COPY fields as text (manual: "COPY", "Binary Format"; the types' send functions).
//!
//! Only types that dumps may carry in binary are known here. The text is what the server's own output functions give
//! under the session settings of a dump: `DateStyle` ISO, `TimeZone` UTC, `bytea_output` hex.

use std::net::{Ipv4Addr, Ipv6Addr};

/// What a column's binary form looks like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shape {
    /// A type of its own, by the name `format_type` gives without modifier.
    Scalar(Scalar),
    /// A true array.
    Array(Box<Shape>),
    /// A range.
    Range(Box<Shape>),
    /// A multirange.
    Multirange(Box<Shape>),
}

/// Types whose binary form stands for itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names of PostgreSQL's own types")]
pub enum Scalar {
    Bool,
    Bytea,
    Char,
    Text,
    Int2,
    Int4,
    Int8,
    Oid,
    Xid8,
    Tid,
    Jsonb,
    Float4,
    Float8,
    Numeric,
    Date,
    Time,
    Timetz,
    Timestamp,
    Timestamptz,
    Uuid,
    Lsn,
    Inet,
    Cidr,
    Macaddr,
    Bit,
    Point,
    Lseg,
    Path,
    Box,
    Polygon,
    Line,
    Circle,
}

/// A field that is not what its type's send function writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a binary value is not what its type writes")]
pub struct Malformed;

type Result<T = ()> = std::result::Result<T, Malformed>;

impl Shape {
    /// The shape of a built-in type, named as `format_type` names it, modifiers and `pg_catalog.` allowed.
    pub fn builtin(name: &str) -> Option<Self> {
        let name = name.strip_prefix("pg_catalog.").unwrap_or(name);
        if let Some(element) = name.strip_suffix("[]") {
            return Self::builtin(element).map(|element| Self::Array(Box::new(element)));
        }
        let scalar = |scalar| Box::new(Self::Scalar(scalar));
        Some(match without_modifier(name).as_str() {
            "int4range" => Self::Range(scalar(Scalar::Int4)),
            "int8range" => Self::Range(scalar(Scalar::Int8)),
            "numrange" => Self::Range(scalar(Scalar::Numeric)),
            "daterange" => Self::Range(scalar(Scalar::Date)),
            "tsrange" => Self::Range(scalar(Scalar::Timestamp)),
            "tstzrange" => Self::Range(scalar(Scalar::Timestamptz)),
            "int4multirange" => Self::Multirange(scalar(Scalar::Int4)),
            "int8multirange" => Self::Multirange(scalar(Scalar::Int8)),
            "nummultirange" => Self::Multirange(scalar(Scalar::Numeric)),
            "datemultirange" => Self::Multirange(scalar(Scalar::Date)),
            "tsmultirange" => Self::Multirange(scalar(Scalar::Timestamp)),
            "tstzmultirange" => Self::Multirange(scalar(Scalar::Timestamptz)),
            other => Self::Scalar(builtin_scalar(other)?),
        })
    }

    /// Appends a value's text.
    ///
    /// # Errors
    /// [`Malformed`].
    pub fn render(&self, value: &[u8], out: &mut Vec<u8>) -> Result {
        let mut bytes = Bytes(value);
        match self {
            Self::Scalar(scalar) => render_scalar(*scalar, &mut bytes, out)?,
            Self::Array(element) => array(element, &mut bytes, out)?,
            Self::Range(bound) => range(bound, &mut bytes, out)?,
            Self::Multirange(bound) => {
                out.push(b'{');
                for at in 0..bytes.i32()? {
                    if at > 0 {
                        out.push(b',');
                    }
                    range(bound, &mut Bytes(bytes.field()?.ok_or(Malformed)?), out)?;
                }
                out.push(b'}');
            }
        }
        if bytes.0.is_empty() { Ok(()) } else { Err(Malformed) }
    }
}

/// `timestamp(3) without time zone` is `timestamp without time zone`.
fn without_modifier(name: &str) -> String {
    match (name.find('('), name.find(')')) {
        (Some(open), Some(close)) if open < close => format!("{}{}", &name[..open], &name[close + 1..]),
        _ => name.to_owned(),
    }
}

fn builtin_scalar(name: &str) -> Option<Scalar> {
    Some(match name {
        "boolean" => Scalar::Bool,
        "bytea" => Scalar::Bytea,
        "\"char\"" => Scalar::Char,
        "name" | "text" | "json" | "character" | "bpchar" | "character varying" => Scalar::Text,
        "smallint" => Scalar::Int2,
        "integer" => Scalar::Int4,
        "bigint" => Scalar::Int8,
        "oid" | "xid" => Scalar::Oid,
        "xid8" => Scalar::Xid8,
        "tid" => Scalar::Tid,
        "jsonb" => Scalar::Jsonb,
        "real" => Scalar::Float4,
        "double precision" => Scalar::Float8,
        "numeric" => Scalar::Numeric,
        "date" => Scalar::Date,
        "time without time zone" => Scalar::Time,
        "time with time zone" => Scalar::Timetz,
        "timestamp without time zone" => Scalar::Timestamp,
        "timestamp with time zone" => Scalar::Timestamptz,
        "uuid" => Scalar::Uuid,
        "pg_lsn" => Scalar::Lsn,
        "inet" => Scalar::Inet,
        "cidr" => Scalar::Cidr,
        "macaddr" | "macaddr8" => Scalar::Macaddr,
        "bit" | "bit varying" => Scalar::Bit,
        "point" => Scalar::Point,
        "lseg" => Scalar::Lseg,
        "path" => Scalar::Path,
        "box" => Scalar::Box,
        "polygon" => Scalar::Polygon,
        "line" => Scalar::Line,
        "circle" => Scalar::Circle,
        _ => return None,
    })
}

/// What is left of a value, in network byte order.
struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8]> {
        let (head, tail) = self.0.split_at_checked(count).ok_or(Malformed)?;
        self.0 = tail;
        Ok(head)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        self.take(N)?.try_into().map_err(|_| Malformed)
    }

    fn u8(&mut self) -> Result<u8> {
        Ok(u8::from_be_bytes(self.array()?))
    }

    fn i16(&mut self) -> Result<i16> {
        Ok(i16::from_be_bytes(self.array()?))
    }

    fn u16(&mut self) -> Result<u16> {
        Ok(u16::from_be_bytes(self.array()?))
    }

    fn i32(&mut self) -> Result<i32> {
        Ok(i32::from_be_bytes(self.array()?))
    }

    fn u32(&mut self) -> Result<u32> {
        Ok(u32::from_be_bytes(self.array()?))
    }

    fn i64(&mut self) -> Result<i64> {
        Ok(i64::from_be_bytes(self.array()?))
    }

    fn f64(&mut self) -> Result<f64> {
        Ok(f64::from_be_bytes(self.array()?))
    }

    /// A length and so many bytes; -1 is null.
    fn field(&mut self) -> Result<Option<&'a [u8]>> {
        match self.i32()? {
            -1 => Ok(None),
            length => self.take(usize::try_from(length).map_err(|_| Malformed)?).map(Some),
        }
    }

    fn rest(&mut self) -> &'a [u8] {
        std::mem::take(&mut self.0)
    }
}

fn put(out: &mut Vec<u8>, text: &str) -> Result {
    out.extend_from_slice(text.as_bytes());
    Ok(())
}

fn render_scalar(scalar: Scalar, bytes: &mut Bytes<'_>, out: &mut Vec<u8>) -> Result {
    match scalar {
        Scalar::Bool => put(out, if bytes.u8()? == 0 { "f" } else { "t" }),
        Scalar::Bytea => put(out, &format!("\\x{}", hex::encode(bytes.rest()))),
        Scalar::Char => match bytes.u8()? {
            0 => Ok(()),
            high @ 128.. => put(out, &format!("\\{high:03o}")),
            byte => put(out, char::from(byte).encode_utf8(&mut [0; 4])),
        },
        Scalar::Text => {
            out.extend_from_slice(bytes.rest());
            Ok(())
        }
        Scalar::Jsonb => match bytes.u8()? {
            1 => render_scalar(Scalar::Text, bytes, out),
            _ => Err(Malformed),
        },
        Scalar::Int2 => put(out, &bytes.i16()?.to_string()),
        Scalar::Int4 => put(out, &bytes.i32()?.to_string()),
        Scalar::Int8 => put(out, &bytes.i64()?.to_string()),
        Scalar::Oid => put(out, &bytes.u32()?.to_string()),
        Scalar::Xid8 => put(out, &u64::from_be_bytes(bytes.array()?).to_string()),
        Scalar::Tid => {
            let (block, offset) = (bytes.u32()?, bytes.u16()?);
            put(out, &format!("({block},{offset})"))
        }
        Scalar::Float4 => put(out, &float4(f32::from_be_bytes(bytes.array()?))),
        Scalar::Float8 => put(out, &float8(bytes.f64()?)),
        Scalar::Numeric => put(out, &numeric(bytes)?),
        Scalar::Uuid => {
            let digits = hex::encode(bytes.take(16)?);
            let parts = [&digits[..8], &digits[8..12], &digits[12..16], &digits[16..20], &digits[20..]];
            put(out, &parts.join("-"))
        }
        Scalar::Lsn => {
            let (high, low) = (bytes.u32()?, bytes.u32()?);
            put(out, &format!("{high:X}/{low:X}"))
        }
        Scalar::Inet | Scalar::Cidr => put(out, &address(bytes, scalar == Scalar::Cidr)?),
        Scalar::Macaddr => {
            let parts: Vec<String> = bytes.rest().iter().map(|byte| format!("{byte:02x}")).collect();
            put(out, &parts.join(":"))
        }
        Scalar::Bit => bits(bytes, out),
        Scalar::Date | Scalar::Time | Scalar::Timetz | Scalar::Timestamp | Scalar::Timestamptz => {
            put(out, &super::binary_time::render(scalar, bytes.rest())?)
        }
        _ => put(out, &geometry(scalar, bytes)?),
    }
}

fn bits(bytes: &mut Bytes<'_>, out: &mut Vec<u8>) -> Result {
    let length = usize::try_from(bytes.i32()?).map_err(|_| Malformed)?;
    let packed = bytes.take(length.div_ceil(8))?;
    out.extend((0..length).map(|at| if packed[at / 8] >> (7 - at % 8) & 1 == 1 { b'1' } else { b'0' }));
    Ok(())
}

fn address(bytes: &mut Bytes<'_>, cidr: bool) -> Result<String> {
    let (family, mask, _, length) = (bytes.u8()?, bytes.u8()?, bytes.u8()?, bytes.u8()?);
    let (text, full) = match (family, length) {
        (2, 4) => (Ipv4Addr::from(bytes.array::<4>()?).to_string(), 32),
        (3, 16) => (Ipv6Addr::from(bytes.array::<16>()?).to_string(), 128),
        _ => return Err(Malformed),
    };
    Ok(if mask == full && !cidr { text } else { format!("{text}/{mask}") })
}

/// The server's shortest form: fixed between 1e-5 and 1e6 (`real`) or 1e15, scientific beyond.
fn float4(value: f32) -> String {
    shortest(&format!("{value:e}"), value.is_finite(), 6)
}

fn float8(value: f64) -> String {
    shortest(&format!("{value:e}"), value.is_finite(), 15)
}

fn shortest(scientific: &str, finite: bool, fixed_below: i32) -> String {
    if !finite {
        return match scientific {
            "inf" => "Infinity".to_owned(),
            "-inf" => "-Infinity".to_owned(),
            _ => "NaN".to_owned(),
        };
    }
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or_default();
    let (sign, mantissa) = mantissa.strip_prefix('-').map_or(("", mantissa), |rest| ("-", rest));
    let digits: String = mantissa.chars().filter(char::is_ascii_digit).collect();
    if !(-4..fixed_below).contains(&exponent) {
        let mark = if exponent < 0 { '-' } else { '+' };
        return format!("{sign}{mantissa}e{mark}{:02}", exponent.abs());
    }
    match usize::try_from(exponent + 1) {
        Ok(whole @ 1..) if digits.len() > whole => format!("{sign}{}.{}", &digits[..whole], &digits[whole..]),
        Ok(whole @ 1..) => format!("{sign}{digits}{}", "0".repeat(whole - digits.len())),
        _ => {
            let zeros = "0".repeat(usize::try_from(-exponent - 1).unwrap_or_default());
            format!("{sign}0.{zeros}{digits}")
        }
    }
}

/// Digits in base 10,000, the weight of the first, a sign, and how many decimals are shown.
fn numeric(bytes: &mut Bytes<'_>) -> Result<String> {
    let (count, weight, sign, scale) = (bytes.u16()?, i32::from(bytes.i16()?), bytes.u16()?, bytes.u16()?);
    let mut out = match sign {
        0x0000 => String::new(),
        0x4000 => String::from("-"),
        0xC000 => return Ok("NaN".to_owned()),
        0xD000 => return Ok("Infinity".to_owned()),
        0xF000 => return Ok("-Infinity".to_owned()),
        _ => return Err(Malformed),
    };
    let digits = (0..count).map(|_| bytes.u16()).collect::<Result<Vec<u16>>>()?;
    let group = |at: i32| usize::try_from(at).ok().and_then(|at| digits.get(at)).copied().unwrap_or(0);
    if weight < 0 {
        out.push('0');
    }
    for at in 0..=weight {
        let digit = group(at);
        out.push_str(&if at == 0 { digit.to_string() } else { format!("{digit:04}") });
    }
    if scale > 0 {
        let wanted = usize::from(scale);
        let groups = i32::try_from(wanted.div_ceil(4)).map_err(|_| Malformed)?;
        let decimals: String = (1..=groups).map(|at| format!("{:04}", group(weight + at))).collect();
        out.push('.');
        out.push_str(decimals.get(..wanted).ok_or(Malformed)?);
    }
    Ok(out)
}

fn geometry(scalar: Scalar, bytes: &mut Bytes<'_>) -> Result<String> {
    let point = |bytes: &mut Bytes<'_>| -> Result<String> {
        let (x, y) = (bytes.f64()?, bytes.f64()?);
        Ok(format!("({},{})", float8(x), float8(y)))
    };
    let points = |bytes: &mut Bytes<'_>| -> Result<String> {
        let count = bytes.i32()?;
        Ok((0..count).map(|_| point(bytes)).collect::<Result<Vec<_>>>()?.join(","))
    };
    Ok(match scalar {
        Scalar::Point => point(bytes)?,
        Scalar::Lseg => format!("[{},{}]", point(bytes)?, point(bytes)?),
        Scalar::Box => format!("{},{}", point(bytes)?, point(bytes)?),
        Scalar::Polygon => format!("({})", points(bytes)?),
        Scalar::Path => match bytes.u8()? {
            0 => format!("[{}]", points(bytes)?),
            _ => format!("({})", points(bytes)?),
        },
        Scalar::Line => {
            let (a, b, c) = (bytes.f64()?, bytes.f64()?, bytes.f64()?);
            format!("{{{},{},{}}}", float8(a), float8(b), float8(c))
        }
        Scalar::Circle => {
            let centre = point(bytes)?;
            format!("<{centre},{}>", float8(bytes.f64()?))
        }
        _ => return Err(Malformed),
    })
}

fn array(element: &Shape, bytes: &mut Bytes<'_>, out: &mut Vec<u8>) -> Result {
    let dimensions = bytes.i32()?;
    let _ = (bytes.i32()?, bytes.u32()?);
    let mut bounds = Vec::new();
    for _ in 0..dimensions {
        bounds.push((bytes.i32()?, bytes.i32()?));
    }
    if bounds.iter().any(|(_, lower)| *lower != 1) {
        for (size, lower) in &bounds {
            out.extend_from_slice(format!("[{lower}:{}]", lower.wrapping_add(*size).wrapping_sub(1)).as_bytes());
        }
        out.push(b'=');
    }
    if bounds.is_empty() {
        return put(out, "{}");
    }
    level(element, &bounds, bytes, out)
}

fn level(element: &Shape, bounds: &[(i32, i32)], bytes: &mut Bytes<'_>, out: &mut Vec<u8>) -> Result {
    let Some(((size, _), inner)) = bounds.split_first() else { return Err(Malformed) };
    let delimiter = if *element == Shape::Scalar(Scalar::Box) { b';' } else { b',' };
    out.push(b'{');
    for at in 0..*size {
        if at > 0 {
            out.push(delimiter);
        }
        if !inner.is_empty() {
            level(element, inner, bytes, out)?;
            continue;
        }
        let Some(value) = bytes.field()? else {
            put(out, "NULL")?;
            continue;
        };
        let mut text = Vec::new();
        element.render(value, &mut text)?;
        let special = |byte: &u8| matches!(byte, b'{' | b'}' | b'"' | b'\\') || *byte == delimiter || is_space(*byte);
        if text.is_empty() || text.eq_ignore_ascii_case(b"null") || text.iter().any(special) {
            quote(&text, b'\\', out);
        } else {
            out.extend_from_slice(&text);
        }
    }
    out.push(b'}');
    Ok(())
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | 9..=13)
}

/// Puts quotes around, and `escape` (or a double) before quotes and backslashes.
fn quote(text: &[u8], escape: u8, out: &mut Vec<u8>) {
    out.push(b'"');
    for byte in text {
        if matches!(byte, b'"' | b'\\') {
            out.push(if escape == b'\\' { b'\\' } else { *byte });
        }
        out.push(*byte);
    }
    out.push(b'"');
}

/// Flags: 1 empty, 2 and 4 lower and upper inclusive, 8 and 16 without lower and upper bound.
fn range(bound: &Shape, bytes: &mut Bytes<'_>, out: &mut Vec<u8>) -> Result {
    let flags = bytes.u8()?;
    if flags & 1 != 0 {
        return put(out, "empty");
    }
    out.push(if flags & 2 != 0 { b'[' } else { b'(' });
    for (unbounded, last) in [(flags & 8 != 0, false), (flags & 16 != 0, true)] {
        if !unbounded {
            let mut text = Vec::new();
            bound.render(bytes.field()?.ok_or(Malformed)?, &mut text)?;
            let special =
                |byte: &u8| matches!(byte, b'"' | b'\\' | b'(' | b')' | b'[' | b']' | b',') || is_space(*byte);
            if text.is_empty() || text.iter().any(special) {
                quote(&text, b'"', out);
            } else {
                out.extend_from_slice(&text);
            }
        }
        if !last {
            out.push(b',');
        }
    }
    out.push(if flags & 4 != 0 { b']' } else { b')' });
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(name: &str, value: &[u8]) -> String {
        let mut out = Vec::new();
        Shape::builtin(name).expect("known").render(value, &mut out).expect("sound");
        String::from_utf8(out).expect("text")
    }

    #[test]
    fn floats_are_written_as_the_server_writes_them() {
        for (value, expected) in [
            (0.0, "0"),
            (-0.0, "-0"),
            (1.0, "1"),
            (0.1, "0.1"),
            (1e14, "100000000000000"),
            (1e15, "1e+15"),
            (1.5e-5, "1.5e-05"),
            (0.0001, "0.0001"),
            (-1234.5, "-1234.5"),
            (1e300, "1e+300"),
            (f64::INFINITY, "Infinity"),
            (f64::NAN, "NaN"),
        ] {
            assert_eq!(text("double precision", &value.to_be_bytes()), expected);
        }
        assert_eq!(text("real", &1e6f32.to_be_bytes()), "1e+06");
        assert_eq!(text("real", &123_456f32.to_be_bytes()), "123456");
    }

    #[test]
    fn numerics_keep_their_scale() {
        let numeric = |weight: i16, sign: u16, scale: u16, digits: &[u16]| {
            let mut value = u16::try_from(digits.len()).expect("few").to_be_bytes().to_vec();
            value.extend(weight.to_be_bytes());
            value.extend(sign.to_be_bytes());
            value.extend(scale.to_be_bytes());
            value.extend(digits.iter().flat_map(|digit| digit.to_be_bytes()));
            text("numeric(10,2)", &value)
        };
        assert_eq!(numeric(0, 0, 2, &[12, 3400]), "12.34");
        assert_eq!(numeric(1, 0x4000, 0, &[1, 5]), "-10005");
        assert_eq!(numeric(-1, 0, 4, &[5]), "0.0005");
        assert_eq!(numeric(-2, 0, 8, &[5]), "0.00000005");
        assert_eq!(numeric(0, 0, 3, &[]), "0.000");
        assert_eq!(numeric(2, 0, 0, &[7]), "700000000");
        assert_eq!(numeric(0, 0xC000, 0, &[]), "NaN");
    }

    #[test]
    fn what_is_cut_or_too_long_is_refused() {
        let shape = Shape::builtin("integer").expect("known");
        for value in [&[][..], &[0, 0, 0], &[0, 0, 0, 0, 0]] {
            assert_eq!(shape.render(value, &mut Vec::new()), Err(Malformed));
        }
        assert_eq!(Shape::builtin("tsvector"), None);
    }
}
