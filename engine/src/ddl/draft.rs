//! What the writers of the object classes hand over: entries that do not know their number or their neighbours yet.

use rustc_hash::{FxHashMap, FxHashSet};

use super::{EntryKind, LockKind, Section};
use crate::catalog::features::{Feature, Features};
use crate::catalog::{Catalog, Object, ObjectId};

/// Tells apart the entries of one object. All later stages run after [`Stage::Main`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Stage {
    /// A stand-in that lets others refer to it before it is complete: circular views, shell types.
    Placeholder,
    /// The object itself.
    Main,
    /// `ATTACH PARTITION` of a table or index.
    Attach,
    /// `OWNED BY` of a sequence.
    OwnedBy,
    /// `ENABLE ROW LEVEL SECURITY`.
    RowSecurity,
    /// What else must wait for the end of pre-data or for the data: a sequence's position, a REFRESH.
    Position,
    /// A member of a publication.
    Member(ObjectId),
}

/// An entry before ordering.
#[derive(Clone, Debug, PartialEq)]
pub struct Draft {
    /// The object it makes or changes.
    pub object: ObjectId,
    /// Which of the object's entries it is.
    pub stage: Stage,
    /// What it does.
    pub kind: EntryKind,
    /// pg_restore's word for it.
    pub desc: &'static str,
    /// Section.
    pub section: Section,
    /// Schema, unquoted.
    pub schema: Option<String>,
    /// Tag.
    pub name: String,
    /// Owner, unquoted.
    pub owner: Option<String>,
    /// The relation whose filter decides about it.
    pub relation: Option<ObjectId>,
    /// Statements, in order, without semicolons.
    pub create: Vec<String>,
    /// `ALTER … OWNER TO …`.
    pub set_owner: Option<String>,
    /// Statement for `--clean`, with `IF EXISTS`.
    pub drop: Option<String>,
    /// Objects whose main entries must have run before, beyond what `pg_depend` says.
    pub after: Vec<ObjectId>,
    /// Relations it locks while it runs.
    pub locks: Vec<(ObjectId, LockKind)>,
    /// Tablespace to run under.
    pub tablespace: Option<String>,
    /// Table access method to run under.
    pub access_method: Option<String>,
    /// The statements hold passwords.
    pub secret: bool,
    /// What the target version cannot have.
    pub losses: Vec<String>,
}

impl Draft {
    /// A `Create` entry of the object's main stage, named and owned like it, without statements.
    pub fn new(object: &Object, desc: &'static str, section: Section) -> Self {
        let (schema, owner) = (object.schema.clone(), object.owner.clone());
        Self { schema, owner, ..Self::of(object.id, &object.name, desc, section) }
    }

    /// The same of something that has an identity and a name, and neither schema nor owner.
    pub fn of(object: ObjectId, name: &str, desc: &'static str, section: Section) -> Self {
        Self {
            object,
            stage: Stage::Main,
            kind: EntryKind::Create,
            desc,
            section,
            schema: None,
            name: name.to_owned(),
            owner: None,
            relation: None,
            create: Vec::new(),
            set_owner: None,
            drop: None,
            after: Vec::new(),
            locks: Vec::new(),
            tablespace: None,
            access_method: None,
            secret: false,
            losses: Vec::new(),
        }
    }

    /// Gives back the room that writing took beyond what was written: of many objects there are many times as many drafts, and
    /// all of them are there at once.
    pub fn compact(mut self) -> Self {
        self.create.iter_mut().chain(&mut self.set_owner).chain(&mut self.drop).for_each(String::shrink_to_fit);
        self.create.shrink_to_fit();
        self.after.shrink_to_fit();
        self.locks.shrink_to_fit();
        self
    }
}

/// What a writer may look at: the whole catalog and the target.
#[derive(Debug)]
pub struct Context<'a> {
    target: Features,
    objects: FxHashMap<ObjectId, &'a Object>,
    children: FxHashMap<ObjectId, Vec<&'a Object>>,
    /// Defaults and checks that get an entry of their own, and views that get a placeholder, to break loops.
    separate: FxHashSet<ObjectId>,
}

impl<'a> Context<'a> {
    /// Indexes a catalog for writing to a target.
    pub fn new(catalog: &'a Catalog, target: Features, separate: impl IntoIterator<Item = ObjectId>) -> Self {
        Self::of(&catalog.objects, target, separate)
    }

    /// The same, from objects alone.
    pub fn of(objects: &'a [Object], target: Features, separate: impl IntoIterator<Item = ObjectId>) -> Self {
        let mut children: FxHashMap<ObjectId, Vec<&Object>> = FxHashMap::default();
        for object in objects {
            if let Some(parent) = object.parent {
                children.entry(parent).or_default().push(object);
            }
        }
        let objects = objects.iter().map(|object| (object.id, object)).collect();
        Self { target, objects, children, separate: separate.into_iter().collect() }
    }

    /// Whether the target has a feature.
    pub fn has(&self, feature: Feature) -> bool {
        self.target.has(feature)
    }

    /// The target's features.
    pub fn target(&self) -> Features {
        self.target
    }

    /// An object.
    pub fn object(&self, id: ObjectId) -> Option<&'a Object> {
        self.objects.get(&id).copied()
    }

    /// The objects whose parent it is, in catalog order.
    pub fn children(&self, id: ObjectId) -> &[&'a Object] {
        self.children.get(&id).map_or(&[], Vec::as_slice)
    }

    /// Whether it must be set apart from the entry that would carry it otherwise.
    pub fn is_separate(&self, id: ObjectId) -> bool {
        self.separate.contains(&id)
    }
}
