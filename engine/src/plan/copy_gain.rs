//! What binary COPY saves, per value, over text: processor time on server and client, of two dumps and one restore, as
//! dumps are made every night and restores rarely.
//!
//! The numbers are nanoseconds measured on one machine with PostgreSQL 18 (docs/BENCHMARKS.md says how); only their
//! proportions matter. A date costs six times as much to parse as to copy. A small integer is shorter as text, and every
//! value in binary carries four bytes of length that are moved, hashed and compressed. Nothing here looks at statistics or
//! values: a table must keep its format from one dump to the next, or no chunk of it would be found again.

use super::copy_format::TypeFacts;
use crate::ids::Oid;

/// An array's brackets, quotes and separators; the number of elements is not known.
const ARRAY: i32 = 120;

/// A range's, with two bounds in it.
const RANGE: i32 = 120;

/// Domains over domains nest; nobody nests deeper than this.
const DEPTH_MAX: usize = 32;

/// Nanoseconds saved per value of a type that is safe in binary; negative where text is cheaper.
pub fn per_value(oid: Oid, facts: impl Fn(Oid) -> Option<TypeFacts>) -> i32 {
    let (mut oid, mut gain) = (oid, 0);
    for _ in 0..DEPTH_MAX {
        if let Some(own) = builtin(oid) {
            return gain + own;
        }
        let Some(of) = facts(oid) else { return gain };
        match (of.kind, of.inner) {
            ('e', _) => return gain - 40,
            ('d', Some(base)) => oid = base,
            ('b', Some(element)) => (oid, gain) = (element, gain + ARRAY),
            ('r' | 'm', Some(subtype)) => (oid, gain) = (subtype, gain + RANGE),
            _ => return gain,
        }
    }
    gain
}

fn builtin(oid: Oid) -> Option<i32> {
    Some(match oid.0 {
        // bool, "char", int2, int4, oid, xid
        16 | 18 | 21 | 23 | 26 | 28 => -59,
        // int8, xid8: as long in text once they are large
        20 | 5_069 => -3,
        // numeric: longer, and dearer to write; cheaper to read
        1_700 => -74,
        // bytea: half as long
        17 => 128,
        // text, varchar, bpchar, name, json, jsonb, bit, varbit: short ones lose what long ones gain
        25 | 1_043 | 1_042 | 19 | 114 | 3_802 | 1_560 | 1_562 => -6,
        // float4, float8
        700 => 100,
        701 => 146,
        // date, time, timetz, timestamp, timestamptz
        1_082 => 139,
        1_083 | 1_266 => 200,
        1_114 | 1_184 => 330,
        2_950 => 310,
        // inet, cidr, macaddr, macaddr8, tid, pg_lsn
        869 | 650 | 829 | 774 | 27 | 3_220 => 60,
        // point, lseg, path, box, polygon, line, circle: several float8 each
        600..=604 | 628 | 718 => 350,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const DOMAIN: Oid = Oid(20_001);
    const ARRAY_OF_INT: Oid = Oid(1_007);
    const LOOP: Oid = Oid(20_002);

    fn facts(oid: Oid) -> Option<TypeFacts> {
        let (kind, inner) = match oid {
            DOMAIN => ('d', Some(Oid(1_184))),
            ARRAY_OF_INT => ('b', Some(Oid(23))),
            LOOP => ('d', Some(LOOP)),
            _ => return None,
        };
        Some(TypeFacts { oid, kind, inner })
    }

    #[test]
    fn domains_gain_what_their_base_does_and_arrays_more_than_their_element() {
        assert_eq!(per_value(DOMAIN, facts), per_value(Oid(1_184), facts));
        assert_eq!(per_value(ARRAY_OF_INT, facts), ARRAY + per_value(Oid(23), facts));
        assert_eq!(per_value(LOOP, facts), 0);
        assert_eq!(per_value(Oid(99_999), facts), 0);
    }
}
