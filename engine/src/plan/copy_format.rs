//! Which COPY format a table is dumped in.
//!
//! Only some types have a binary form that is exact, equal on every supported major (14 to 18) and free of OIDs of the
//! source. A table is dumped in binary when all its columns have such types and binary is cheaper for them taken together.

use super::copy_gain;
use crate::format::CopyFormat;
use crate::ids::Oid;

/// The user's wish.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum CopyFormatChoice {
    /// Binary where every column's type is exact and portable in binary and the row is cheaper that way, text otherwise.
    #[default]
    Auto,
    /// Always text.
    Text,
    /// Binary, also where text would be cheaper; tables with columns that have no safe binary form stay text, and are named.
    Binary,
}

/// What `pg_type` and `pg_range` say of a type, as far as its binary form goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TypeFacts {
    /// `pg_type.oid`.
    pub oid: Oid,
    /// `typtype`: `b`ase, `c`omposite, `d`omain, `e`num, `m`ultirange, `p`seudo, `r`ange.
    pub kind: char,
    /// For true arrays (`typsubscript = array_subscript_handler`) their element, for domains their base type, for ranges and
    /// multiranges the subtype of the range.
    pub inner: Option<Oid>,
}

/// Types assigned by hand or by genbki: their OIDs are the same on every server.
const FIRST_NORMAL_OID: u32 = 16_384;

/// Built-in types whose send and receive functions keep the value exactly, write no OID of another object and have not
/// changed from 14 to 18. Not here for a reason: money (locale), xml (adds an encoding declaration), reg* (OIDs of
/// objects), composites and record (OIDs of column types), interval (17 gave infinity a form that older servers take for a
/// finite value), `tsvector` and `tsquery` (lexeme order is rebuilt).
const SAFE: [u32; 39] = [
    16,    // bool
    17,    // bytea
    18,    // "char"
    19,    // name
    20,    // int8
    21,    // int2
    23,    // int4
    25,    // text
    26,    // oid: the number itself, as in text
    27,    // tid
    28,    // xid
    114,   // json
    600,   // point
    601,   // lseg
    602,   // path
    603,   // box
    604,   // polygon
    628,   // line
    650,   // cidr
    700,   // float4
    701,   // float8
    718,   // circle
    774,   // macaddr8
    829,   // macaddr
    869,   // inet
    1_042, // bpchar
    1_043, // varchar
    1_082, // date
    1_083, // time
    1_114, // timestamp
    1_184, // timestamptz
    1_266, // timetz
    1_560, // bit
    1_562, // varbit
    1_700, // numeric
    2_950, // uuid
    3_220, // pg_lsn
    3_802, // jsonb: a version byte, then text
    5_069, // xid8
];

/// Domains over domains nest; nobody nests deeper than this.
const DEPTH_MAX: usize = 32;

/// What a table is copied in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Chosen {
    /// The format.
    pub format: CopyFormat,
    /// Position of the first column that kept the table from the binary form that was asked for.
    pub kept_by: Option<usize>,
}

/// The format for a table with columns of these types. `facts` looks a type up.
pub fn choose(choice: CopyFormatChoice, columns: &[Oid], facts: impl Fn(Oid) -> Option<TypeFacts>) -> Chosen {
    let text = Chosen { format: CopyFormat::Text, kept_by: None };
    if choice == CopyFormatChoice::Text {
        return text;
    }
    match (columns.iter().position(|column| !is_binary_safe(*column, &facts)), choice) {
        (None, CopyFormatChoice::Auto) if is_cheaper_as_text(columns, &facts) => text,
        (None, _) => Chosen { format: CopyFormat::Binary, kept_by: None },
        (kept_by, CopyFormatChoice::Binary) => Chosen { kept_by, ..text },
        (Some(_), _) => text,
    }
}

fn is_cheaper_as_text(columns: &[Oid], facts: impl Fn(Oid) -> Option<TypeFacts>) -> bool {
    columns.iter().map(|column| copy_gain::per_value(*column, &facts)).sum::<i32>() < 0
}

/// Whether a type's binary form is exact, portable and free of OIDs.
pub fn is_binary_safe(oid: Oid, facts: impl Fn(Oid) -> Option<TypeFacts>) -> bool {
    let mut oid = oid;
    for _ in 0..DEPTH_MAX {
        if is_safe_builtin(oid) {
            return true;
        }
        let Some(of) = facts(oid) else { return false };
        match (of.kind, of.inner) {
            // Sent as its label.
            ('e', _) => return true,
            ('d', Some(base)) => oid = base,
            // The array carries its element's OID, and the reader refuses another: only fixed ones are portable.
            ('b', Some(element)) => return is_safe_builtin(element),
            ('r' | 'm', Some(subtype)) => return is_safe_builtin(subtype),
            _ => return false,
        }
    }
    false
}

fn is_safe_builtin(oid: Oid) -> bool {
    oid.0 < FIRST_NORMAL_OID && SAFE.binary_search(&oid.0).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ENUM: Oid = Oid(20_001);
    const DOMAIN: Oid = Oid(20_002);
    const DOMAIN_OF_DOMAIN: Oid = Oid(20_003);
    const ENUM_ARRAY: Oid = Oid(20_004);
    const RANGE: Oid = Oid(20_005);
    const COMPOSITE: Oid = Oid(20_006);
    const CITEXT: Oid = Oid(20_007);
    const LOOP: Oid = Oid(20_008);
    const INT_ARRAY: Oid = Oid(1_007);
    const INT_MULTIRANGE: Oid = Oid(4_451);
    const MONEY: Oid = Oid(790);
    const MONEY_ARRAY: Oid = Oid(791);
    const DOMAIN_OF_ARRAY: Oid = Oid(20_009);

    fn facts(oid: Oid) -> Option<TypeFacts> {
        let (kind, inner) = match oid {
            ENUM => ('e', None),
            DOMAIN => ('d', Some(Oid(25))),
            DOMAIN_OF_DOMAIN => ('d', Some(DOMAIN)),
            DOMAIN_OF_ARRAY => ('d', Some(INT_ARRAY)),
            ENUM_ARRAY => ('b', Some(ENUM)),
            RANGE => ('r', Some(Oid(701))),
            INT_MULTIRANGE => ('m', Some(Oid(23))),
            COMPOSITE => ('c', None),
            CITEXT | MONEY => ('b', None),
            LOOP => ('d', Some(LOOP)),
            INT_ARRAY => ('b', Some(Oid(23))),
            MONEY_ARRAY => ('b', Some(MONEY)),
            _ => return None,
        };
        Some(TypeFacts { oid, kind, inner })
    }

    #[test]
    fn the_table_is_sorted() {
        assert!(SAFE.is_sorted());
    }

    #[test]
    fn only_exact_portable_types_are_safe() {
        for safe in
            [Oid(23), Oid(3802), ENUM, DOMAIN, DOMAIN_OF_DOMAIN, DOMAIN_OF_ARRAY, RANGE, INT_ARRAY, INT_MULTIRANGE]
        {
            assert!(is_binary_safe(safe, facts), "{safe:?}");
        }
        // 142 is xml, 2205 regclass, 2249 record: none is in the table or known to `facts`.
        for not in
            [MONEY, MONEY_ARRAY, ENUM_ARRAY, COMPOSITE, CITEXT, LOOP, Oid(142), Oid(2205), Oid(2249), Oid(99_999)]
        {
            assert!(!is_binary_safe(not, facts), "{not:?}");
        }
    }

    #[test]
    fn the_choice_is_kept() {
        use CopyFormatChoice::{Auto, Binary, Text};
        let (text, binary) = (CopyFormat::Text, CopyFormat::Binary);
        let chosen = |choice, columns: &[Oid]| {
            let Chosen { format, kept_by } = choose(choice, columns, facts);
            (format, kept_by)
        };
        assert_eq!(chosen(Auto, &[Oid(2950), DOMAIN]), (binary, None));
        assert_eq!(chosen(Auto, &[Oid(23), Oid(1184)]), (binary, None));
        assert_eq!(chosen(Auto, &[Oid(23), ENUM]), (text, None));
        assert_eq!(chosen(Binary, &[Oid(23), ENUM]), (binary, None));
        assert_eq!(chosen(Auto, &[Oid(23), MONEY]), (text, None));
        assert_eq!(chosen(Text, &[Oid(23)]), (text, None));
        assert_eq!(chosen(Binary, &[Oid(23), MONEY]), (text, Some(1)));
        assert_eq!(chosen(Auto, &[]), (binary, None));
    }
}
