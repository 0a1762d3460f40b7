//! Dependencies: `pg_depend`, both ends resolved to objects of the model.
//!
//! The catalog knows more kinds of objects than the model: row types, array types, the rules that make views, members of
//! operator families, publication members. Each stands for the object of the model that brings it along, and its
//! dependencies become that object's. Members of extensions that are not in the model stand for their extension. Both ends
//! falling on one object is no dependency, except for a view that reads itself and a function that calls itself.

use std::collections::{HashMap, HashSet};

use rustc_hash::{FxHashMap, FxHashSet};

use super::heads::joined_by_hand;
use super::rows::each;
use super::{Client, IntrospectError};
use crate::catalog::{Body, Class, Edge, Object, ObjectId};
use crate::ids::Oid;

/// All dependencies as the server has them. They are asked for before the objects are known, so that the server need not
/// wait.
#[derive(Debug)]
pub struct Dependencies {
    rows: Rows,
    stand_ins: StandIns,
}

/// Asks for all dependencies.
pub async fn ask(client: &Client<'_>) -> Result<Dependencies, IntrospectError> {
    let (rows, stand_ins) = futures_util::try_join!(rows(client), stand_ins(client))?;
    Ok(Dependencies { rows, stand_ins })
}

/// An object of the model that needs something nobody has any more.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Dangling {
    /// The object.
    pub dependent: ObjectId,
    /// Its column; 0 for the whole.
    pub column: i32,
    /// The catalog that lacks what it needs.
    pub catalog: String,
    /// The OID of what it needs.
    pub oid: u32,
}

impl Dependencies {
    /// What needs something that is gone, in a deterministic order; `known` gives the OIDs of a catalog if it has been counted.
    pub fn dangling(&self, objects: &[Object], known: impl Fn(&str) -> Option<HashSet<u32>>) -> Vec<Dangling> {
        let counted = |(oid, name): (&Catalog, &String)| {
            let elsewhere = matches!(Class::of_catalog(name)?, Class::UserMapping | Class::Subscription);
            Some((*oid, known(name).filter(|_| !elsewhere)?))
        };
        let counted: HashMap<Catalog, HashSet<u32>> = self.rows.names.iter().filter_map(counted).collect();
        let is_gone = |row: &&Row| {
            let oids = counted.get(&row.referenced.catalog);
            row.referenced.oid >= FIRST_NORMAL && oids.is_some_and(|oids| !oids.contains(&row.referenced.oid))
        };
        let gone: Vec<&Row> = self.rows.rows.iter().filter(is_gone).collect();
        if gone.is_empty() {
            return Vec::new();
        }
        let resolver = Resolver::new(&self.rows, self.stand_ins.clone(), objects);
        let dangling = |row: &Row| {
            let dependent = resolver.resolve(row.dependent)?.id;
            let catalog = self.rows.names.get(&row.referenced.catalog)?.clone();
            Some(Dangling { dependent, column: row.dependent.column, catalog, oid: row.referenced.oid })
        };
        let mut found: Vec<Dangling> = gone.into_iter().filter_map(dangling).collect();
        found.sort_by(|a, b| {
            (a.dependent, a.column, &a.catalog, a.oid).cmp(&(b.dependent, b.column, &b.catalog, b.oid))
        });
        found.dedup();
        found
    }

    /// The dependencies between objects of the model. Sorted.
    pub fn between(self, objects: &[Object]) -> Vec<Edge> {
        resolve(&self.rows, self.stand_ins, objects)
    }
}

/// One end of a row of `pg_depend`: catalog name, OID, column.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct End {
    catalog: Catalog,
    oid: u32,
    column: i32,
}

/// The first OID that `initdb` does not assign.
const FIRST_NORMAL: u32 = 16384;

/// `deptype` of members of extensions.
const MEMBER: char = 'e';

/// What [`rows`] says in its place of tables that users added.
const JOINED: char = 'h';

/// Index into the names of the catalogs seen; `classid` itself.
type Catalog = u32;

/// A row of `pg_depend` between objects that `initdb` did not make.
#[derive(Clone, Copy, Debug)]
struct Row {
    dependent: End,
    referenced: End,
    kind: char,
}

/// The dependencies and what the class ids in them mean.
#[derive(Debug, Default)]
struct Rows {
    rows: Vec<Row>,
    names: HashMap<Catalog, String>,
}

impl Rows {
    /// The numbers of catalogs.
    fn catalogs(&self, wanted: [&str; 2]) -> Vec<Catalog> {
        let is_wanted = |(_, name): &(&Catalog, &String)| wanted.contains(&name.as_str());
        self.names.iter().filter(is_wanted).map(|(number, _)| *number).collect()
    }
}

async fn rows(client: &Client<'_>) -> Result<Rows, IntrospectError> {
    // 16384 is FirstNormalObjectId: what is below was made by initdb and is there on every target. Only DEPENDS ON EXTENSION
    // (x) and a table of the user's that joined one say something about an object of the user nevertheless: plpgsql is one
    // of initdb's.
    let sql = "SELECT classid, objid, objsubid, refclassid, refobjid, refobjsubid,
                      CASE WHEN deptype = 'e' AND classid = 'pg_catalog.pg_class'::pg_catalog.regclass
                                AND {by_hand} THEN 'h' ELSE deptype END AS deptype
                 FROM pg_depend d WHERE objid >= 16384 AND (refobjid >= 16384 OR deptype IN ('x', 'e'))";
    let sql = &sql.replace("{by_hand}", &joined_by_hand("d.objid"));
    let names = "SELECT oid, relname FROM pg_class
                  WHERE relnamespace = 'pg_catalog'::regnamespace AND relkind = 'r'";
    let (mut all, mut known) = (Vec::new(), HashMap::new());
    let rows = each(client, sql, |row| {
        let kind: i8 = row.try_get(6)?;
        all.push(Row {
            dependent: End { catalog: row.try_get(0)?, oid: row.try_get(1)?, column: row.try_get(2)? },
            referenced: End { catalog: row.try_get(3)?, oid: row.try_get(4)?, column: row.try_get(5)? },
            kind: char::from(kind.unsigned_abs()),
        });
        Ok(())
    });
    let names = each(client, names, |row| {
        known.insert(row.try_get(0)?, row.try_get(1)?);
        Ok(())
    });
    futures_util::try_join!(rows, names)?;
    Ok(Rows { rows: all, names: known })
}

/// Objects of the catalog that are no objects of the model, by catalog name and OID, and what each stands for. A
/// stand-in may stand for another (the array of a row type).
#[derive(Clone, Debug, Default)]
struct StandIns {
    types: FxHashMap<u32, ObjectId>,
    relations: FxHashMap<u32, ObjectId>,
    /// Rules that make views, and their views.
    view_rules: FxHashMap<u32, u32>,
}

async fn stand_ins(client: &Client<'_>) -> Result<StandIns, IntrospectError> {
    // Row types stand for their relation, a composite type's relation for the type, arrays for their element, multiranges
    // for their range. An array's own row says nothing: its element's does.
    let types = "SELECT oid, typrelid, typarray FROM pg_type WHERE oid >= 16384 AND (typrelid <> 0 OR typarray <> 0)";
    let composites = "SELECT oid FROM pg_class WHERE relkind = 'c' AND oid >= 16384";
    let ranges = "SELECT rngmultitypid, rngtypid FROM pg_range WHERE rngmultitypid >= 16384";
    let rules = "SELECT oid, ev_class FROM pg_rewrite WHERE rulename = '_RETURN' AND oid >= 16384";
    let object = |class, oid| ObjectId { class, oid: Oid(oid) };
    let (mut of_types, mut of_composites) = (FxHashMap::default(), FxHashSet::default());
    let (mut of_ranges, mut view_rules) = (FxHashMap::default(), FxHashMap::default());
    let mut relations = Vec::new();
    let types = each(client, types, |row| {
        let (oid, relation, array): (u32, u32, u32) = (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
        if relation != 0 {
            relations.push((oid, relation));
        }
        if array != 0 {
            of_types.insert(array, object(Class::Type, oid));
        }
        Ok(())
    });
    let composites = each(client, composites, |row| {
        of_composites.insert(row.try_get::<_, u32>(0)?);
        Ok(())
    });
    let ranges = each(client, ranges, |row| {
        of_ranges.insert(row.try_get(0)?, object(Class::Type, row.try_get(1)?));
        Ok(())
    });
    let rules = each(client, rules, |row| {
        view_rules.insert(row.try_get(0)?, row.try_get(1)?);
        Ok(())
    });
    futures_util::try_join!(types, composites, ranges, rules)?;
    let mut found = StandIns { types: of_types, relations: FxHashMap::default(), view_rules };
    found.types.extend(of_ranges);
    for (oid, relation) in relations {
        if of_composites.contains(&relation) {
            found.relations.insert(relation, object(Class::Type, oid));
        } else {
            found.types.insert(oid, object(Class::Relation, relation));
        }
    }
    Ok(found)
}

/// What an end of a row turns out to be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Resolved {
    id: ObjectId,
    by_rule: bool,
}

/// Everything needed to look ends up.
struct Resolver {
    classes: FxHashMap<Catalog, Class>,
    known: FxHashSet<ObjectId>,
    stand_ins: StandIns,
    /// Family members and publication members: what they belong to.
    belongs: FxHashMap<(Catalog, u32), ObjectId>,
    /// Members of extensions: their extension.
    members: FxHashMap<(Catalog, u32), ObjectId>,
}

impl Resolver {
    fn new(rows: &Rows, stand_ins: StandIns, objects: &[Object]) -> Self {
        let mut resolver = Self {
            classes: rows.names.iter().filter_map(|(id, name)| Some((*id, Class::of_catalog(name)?))).collect(),
            known: objects.iter().map(|object| object.id).collect(),
            stand_ins,
            belongs: FxHashMap::default(),
            members: FxHashMap::default(),
        };
        let of_families = rows.catalogs(["pg_amop", "pg_amproc"]);
        let of_publications = rows.catalogs(["pg_publication_rel", "pg_publication_namespace"]);
        for row in &rows.rows {
            let key = (row.dependent.catalog, row.dependent.oid);
            let of_family = of_families.contains(&row.dependent.catalog);
            if row.kind != MEMBER && !of_family && !of_publications.contains(&row.dependent.catalog) {
                continue;
            }
            let Some(owner) = resolver.direct(row.referenced) else { continue };
            if row.kind == MEMBER {
                resolver.members.insert(key, owner);
            } else if of_family {
                // Internal on the class that brought it, automatic on the family it was added to.
                let fits = match row.kind {
                    'i' => owner.class == Class::OperatorClass || owner.class == Class::OperatorFamily,
                    'a' => owner.class == Class::OperatorFamily,
                    _ => false,
                };
                if fits && (row.kind == 'i' || !resolver.belongs.contains_key(&key)) {
                    resolver.belongs.insert(key, owner);
                }
            } else if owner.class == Class::Publication {
                resolver.belongs.insert(key, owner);
            }
        }
        resolver
    }

    /// The end as the catalog names it, if its catalog is one of the model's.
    fn direct(&self, end: End) -> Option<ObjectId> {
        let class = *self.classes.get(&end.catalog)?;
        Some(ObjectId { class, oid: Oid(end.oid) })
    }

    fn resolve(&self, end: End) -> Option<Resolved> {
        let key = (end.catalog, end.oid);
        if let Some(owner) = self.belongs.get(&key) {
            return self.known.contains(owner).then_some(Resolved { id: *owner, by_rule: false });
        }
        let direct = self.direct(end);
        let mut id = direct.or_else(|| self.members.get(&key).copied())?;
        let mut by_rule = false;
        // Longest chain: array of a range's multirange; the bound only guards against a damaged catalog.
        for _ in 0..8 {
            if self.known.contains(&id) {
                return Some(Resolved { id, by_rule });
            }
            let next = match id.class {
                Class::Type => self.stand_ins.types.get(&id.oid.0).copied(),
                Class::Relation => self.stand_ins.relations.get(&id.oid.0).copied(),
                Class::Rule => {
                    by_rule = true;
                    let view = self.stand_ins.view_rules.get(&id.oid.0);
                    view.map(|oid| ObjectId { class: Class::Relation, oid: Oid(*oid) })
                }
                _ => None,
            };
            match next {
                Some(next) => id = next,
                None => break,
            }
        }
        let extension = self.members.get(&key).filter(|extension| self.known.contains(extension))?;
        Some(Resolved { id: *extension, by_rule: false })
    }
}

fn resolve(rows: &Rows, stand_ins: StandIns, objects: &[Object]) -> Vec<Edge> {
    let resolver = Resolver::new(rows, stand_ins, objects);
    let views = |object: &&Object| matches!(&object.body, Body::View(_));
    let views: FxHashSet<ObjectId> = objects.iter().filter(views).map(|object| object.id).collect();
    let mut edges = Vec::new();
    for row in rows.rows.iter().filter(|row| row.kind != MEMBER) {
        let (Some(dependent), Some(referenced)) = (resolver.resolve(row.dependent), resolver.resolve(row.referenced))
        else {
            continue;
        };
        // Every view's rule hangs on its view, before 16 even twice; only columns tell a view that reads itself.
        let reads = row.kind == 'n' && row.referenced.column > 0;
        let reads_itself = dependent.by_rule && reads && views.contains(&dependent.id);
        let calls_itself = dependent.id.class == Class::Function;
        if dependent.id == referenced.id && !reads_itself && !calls_itself {
            continue;
        }
        edges.push(Edge {
            dependent: dependent.id,
            referenced: referenced.id,
            kind: if row.kind == JOINED { MEMBER } else { row.kind },
            column: row.dependent.column,
            referenced_column: row.referenced.column,
            by_rule: dependent.by_rule,
        });
    }
    edges.sort_unstable();
    edges.dedup();
    edges.shrink_to_fit();
    edges
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::schema::Schema;
    use crate::catalog::view::View;

    const TYPE: Catalog = 1;
    const RELATION: Catalog = 2;
    const RULE: Catalog = 3;
    const FAMILY: Catalog = 4;
    const OPERATOR_CLASS: Catalog = 5;
    const AMOP: Catalog = 6;
    const EXTENSION: Catalog = 7;
    const FUNCTION: Catalog = 8;
    const UNKNOWN: Catalog = 9;

    fn id(class: Class, oid: u32) -> ObjectId {
        ObjectId { class, oid: Oid(oid) }
    }

    fn object(class: Class, oid: u32) -> Object {
        // Only views are looked at more closely; the body of the others does not matter here.
        Object::new(id(class, oid), "x", Body::Schema(Schema::default()))
    }

    fn view(oid: u32) -> Object {
        let body = View { definition: String::new(), columns: Vec::new(), options: Vec::new(), materialized: None };
        Object::new(id(Class::Relation, oid), "v", Body::View(body))
    }

    fn row(from: (Catalog, u32, i32), to: (Catalog, u32, i32), kind: char) -> Row {
        let end = |(catalog, oid, column)| End { catalog, oid, column };
        Row { dependent: end(from), referenced: end(to), kind }
    }

    fn resolved(rows: Vec<Row>, objects: &[Object]) -> Vec<(ObjectId, ObjectId, bool)> {
        let names = [
            (TYPE, "pg_type"),
            (RELATION, "pg_class"),
            (RULE, "pg_rewrite"),
            (FAMILY, "pg_opfamily"),
            (OPERATOR_CLASS, "pg_opclass"),
            (AMOP, "pg_amop"),
            (EXTENSION, "pg_extension"),
            (FUNCTION, "pg_proc"),
            (UNKNOWN, "pg_from_the_future"),
        ];
        let names = names.into_iter().map(|(id, name)| (id, name.to_owned())).collect();
        let mut stand_ins = StandIns::default();
        // Type 11 is the row type of relation 10, type 12 its array; relation 21 belongs to composite type 20.
        stand_ins.types.insert(11, id(Class::Relation, 10));
        stand_ins.types.insert(12, id(Class::Type, 11));
        stand_ins.relations.insert(21, id(Class::Type, 20));
        stand_ins.view_rules.insert(31, 30);
        let edges = resolve(&Rows { rows, names }, stand_ins, objects);
        edges.into_iter().map(|edge| (edge.dependent, edge.referenced, edge.by_rule)).collect()
    }

    #[test]
    fn what_needs_something_that_is_gone_is_found() {
        let names = [(TYPE, "pg_type"), (RELATION, "pg_class"), (UNKNOWN, "pg_from_the_future")];
        let names = names.into_iter().map(|(id, name)| (id, name.to_owned())).collect();
        let rows = vec![
            row((RELATION, 20_010, 2), (TYPE, 20_099, 0), 'n'),
            row((RELATION, 20_010, 1), (TYPE, 20_098, 0), 'n'),
            row((RELATION, 20_010, 1), (UNKNOWN, 20_097, 0), 'n'),
            row((RELATION, 20_011, 1), (TYPE, 20_099, 0), 'n'),
        ];
        let found = Dependencies { rows: Rows { rows, names }, stand_ins: StandIns::default() };
        let known = |catalog: &str| (catalog == "pg_type").then(|| HashSet::from([20_098]));
        let dangling = found.dangling(&[object(Class::Relation, 20_010)], known);
        let expected =
            Dangling { dependent: id(Class::Relation, 20_010), column: 2, catalog: "pg_type".to_owned(), oid: 20_099 };
        assert_eq!(dangling, [expected]);
    }

    #[test]
    fn row_types_arrays_and_composites_stand_for_what_brings_them() {
        let objects = [object(Class::Relation, 10), object(Class::Type, 20), object(Class::Function, 40)];
        let rows = vec![row((FUNCTION, 40, 0), (TYPE, 12, 0), 'n'), row((RELATION, 21, 1), (TYPE, 11, 0), 'n')];
        let function = (id(Class::Function, 40), id(Class::Relation, 10), false);
        let composite = (id(Class::Type, 20), id(Class::Relation, 10), false);
        assert_eq!(resolved(rows, &objects), [composite, function]);
    }

    #[test]
    fn a_views_rule_is_the_view_and_only_columns_make_it_read_itself() {
        let objects = [object(Class::Relation, 10), view(30)];
        let own = vec![row((RULE, 31, 0), (RELATION, 30, 0), 'i'), row((RULE, 31, 0), (RELATION, 30, 0), 'n')];
        assert_eq!(resolved(own.clone(), &objects), []);
        let reads = [own, vec![row((RULE, 31, 0), (RELATION, 30, 1), 'n')]].concat();
        assert_eq!(resolved(reads, &objects), [(id(Class::Relation, 30), id(Class::Relation, 30), true)]);
    }

    #[test]
    fn family_members_are_their_class_or_else_their_family() {
        let objects =
            [object(Class::OperatorFamily, 50), object(Class::OperatorClass, 51), object(Class::Function, 40)];
        let function = id(Class::Function, 40);
        let of_class =
            vec![row((AMOP, 60, 0), (OPERATOR_CLASS, 51, 0), 'i'), row((AMOP, 60, 0), (FUNCTION, 40, 0), 'n')];
        assert_eq!(resolved(of_class, &objects), [(id(Class::OperatorClass, 51), function, false)]);
        let loose = vec![row((AMOP, 60, 0), (FUNCTION, 40, 0), 'n'), row((AMOP, 60, 0), (FAMILY, 50, 0), 'a')];
        assert_eq!(resolved(loose, &objects), [(id(Class::OperatorFamily, 50), function, false)]);
    }

    #[test]
    fn members_that_are_not_in_the_model_stand_for_their_extension() {
        let objects = [object(Class::Extension, 70), object(Class::Relation, 10)];
        let members = vec![row((TYPE, 90, 0), (EXTENSION, 70, 0), 'e'), row((UNKNOWN, 91, 0), (EXTENSION, 70, 0), 'e')];
        let uses = vec![row((RELATION, 10, 1), (TYPE, 90, 0), 'n'), row((RELATION, 10, 1), (UNKNOWN, 91, 0), 'n')];
        let edges = resolved([members, uses].concat(), &objects);
        assert_eq!(edges, [(id(Class::Relation, 10), id(Class::Extension, 70), false)]);
        let strangers = vec![row((RELATION, 10, 0), (UNKNOWN, 92, 0), 'n'), row((TYPE, 93, 0), (RELATION, 10, 0), 'n')];
        assert_eq!(resolved(strangers, &objects), []);
    }
}
