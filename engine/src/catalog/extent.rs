//! How much a schema holds, and the memory that a run needs for it.

use super::{Body, Catalog, Class};

/// What a relation takes in a run: its objects and entries, its own part of plan, progress and statistics. Bytes, measured on 10,000 and
/// 100,000 small tables with a sequence and two indexes each, analyzed.
const RELATION: u64 = 4_800;

/// What a column of a table or view takes.
const COLUMN: u64 = 400;

/// What a routine takes; few have bodies of many pages.
const ROUTINE: u64 = 4_000;

/// The number of those things of which a schema may hold many.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Extent {
    /// Tables, indexes, sequences, views: all in `pg_class` that a user made, without TOAST.
    pub relations: u64,
    /// Columns of tables and views.
    pub columns: u64,
    /// Functions and procedures.
    pub routines: u64,
}

impl Extent {
    /// Of a catalog that was read.
    pub fn of(catalog: &Catalog) -> Self {
        let mut extent = Self::default();
        for object in &catalog.objects {
            extent.relations += u64::from(object.id.class == Class::Relation);
            extent.routines += u64::from(object.id.class == Class::Function);
            extent.columns += match &object.body {
                Body::Table(table) => table.columns.len() as u64,
                Body::View(view) => view.columns.len() as u64,
                _ => 0,
            };
        }
        extent
    }

    /// About how much memory a dump or a restore needs for it, bytes.
    pub fn memory(&self) -> u64 {
        self.relations * RELATION + self.columns * COLUMN + self.routines * ROUTINE
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::schema::Schema;
    use crate::catalog::{Object, ObjectId};
    use crate::format::samples::contents;
    use crate::ids::Oid;

    #[test]
    fn what_is_many_is_counted() {
        let mut catalog = contents().catalog;
        let before = Extent::of(&catalog);
        let id = ObjectId { class: Class::Relation, oid: Oid(16_400) };
        catalog.objects.push(Object::new(id, "v", Body::Schema(Schema::default())));
        assert_eq!(Extent::of(&catalog), Extent { relations: before.relations + 1, ..before });
        let many = Extent { relations: 400_000, columns: 400_000, routines: 0 };
        assert_eq!(many.memory(), 2_080_000_000);
    }
}
