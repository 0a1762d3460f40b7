//! System catalogs to the model, one file per object class.
//!
//! Every reader asks one or a few questions for the whole database, never one per object, inside the holder's
//! transaction with an empty `search_path`, so that whatever the server deparses comes out qualified.

pub mod access_method;
pub mod acl;
pub mod cast;
pub mod census;
mod census_questions;
mod client;
pub mod collation;
mod column_statistics;
pub mod comment;
pub mod constraint;
pub mod conversion;
mod damage;
pub mod database;
pub mod default_acl;
pub mod depend;
mod error;
pub mod event_trigger;
pub mod extension;
pub mod extent;
pub mod features;
pub mod foreign;
pub mod function;
pub mod globals;
pub mod heads;
pub mod index;
pub mod language;
pub mod large_object;
mod named;
pub mod operator;
pub mod planner_statistics;
pub mod policy;
pub mod publication;
mod relation;
mod rows;
pub mod rule;
pub mod schema;
pub mod sequence;
pub mod statistics;
pub mod subscription;
pub mod table;
pub mod text_search;
pub mod transform;
pub mod trigger;
pub mod typ;
pub mod view;

use std::ops::Deref;

use futures_util::future::{BoxFuture, FutureExt, OptionFuture, try_join_all};
use rayon::slice::ParallelSliceMut;
use rustc_hash::FxHashMap;
use tokio_util::task::AbortOnDropHandle;

use crate::catalog::permutation::permute;
use crate::catalog::{Body, Catalog, Class, Object, ObjectId};
use crate::ids::{Oid, ServerVersion};

pub use client::Client;
pub use error::IntrospectError;
pub use features::{Feature, Features};
pub use sequence::Positions;

/// A session that answers half the questions, once it is there, unless there is none.
type Second<S> = BoxFuture<'static, Option<S>>;

/// The sessions that catalogs are read in. The caller has opened a transaction in each (REPEATABLE READ READ ONLY, all under one
/// snapshot) and set `search_path` to nothing.
pub struct Sessions<'a, S> {
    /// Answers what the second one does not; everything where the catalogs are damaged.
    pub first: &'a tokio_postgres::Client,
    /// The other, read in a task of its own.
    pub second: Option<Second<S>>,
    /// Version of their server.
    pub version: ServerVersion,
}

impl<'a> Sessions<'a, Box<tokio_postgres::Client>> {
    /// One session answers everything.
    pub fn alone(first: &'a tokio_postgres::Client, version: ServerVersion) -> Self {
        Self { first, second: None, version }
    }
}

/// Reads the whole catalog of the database in one session; the cluster's own objects are read apart ([`globals::read`]).
///
/// What a damaged catalog does not say is left out and named among the unsupported.
pub async fn read(client: &tokio_postgres::Client) -> Result<Catalog, IntrospectError> {
    let version = database::facts(&Client::of(client)).await?.version;
    read_with(Sessions::alone(client, version), Positions::Read).await
}

/// The same, with the positions of sequences or without: the schema alone does not need them.
pub async fn read_with<S>(sessions: Sessions<'_, S>, positions: Positions) -> Result<Catalog, IntrospectError>
where
    S: Deref<Target = tokio_postgres::Client> + Send + Sync + 'static,
{
    let mut client = Client::of(sessions.first);
    let features = Features::of(sessions.version);
    let beside = sessions.second.map(|second| AbortOnDropHandle::new(tokio::spawn(other_half(second, features))));
    let reading = Box::pin(whole(&client, beside, &features, positions));
    match futures_util::try_join!(client.begin(), reading) {
        Ok(((), catalog)) => return Ok(catalog),
        Err(error) => client.take_care(error).await?,
    }
    Box::pin(whole(&client, None, &features, positions)).await
}

/// The half that a second session reads, in a task of its own; none where it did not come about.
async fn other_half<S>(second: Second<S>, features: Features) -> Result<Option<OtherHalf>, IntrospectError>
where
    S: Deref<Target = tokio_postgres::Client> + Send + Sync,
{
    let Some(second) = second.await else { return Ok(None) };
    let client = Client::of(&second);
    Ok(Some(half(&client, &features).await?))
}

async fn whole(
    client: &Client<'_>,
    beside: Option<Beside>,
    features: &Features,
    positions: Positions,
) -> Result<Catalog, IntrospectError> {
    let other_half = async {
        match OptionFuture::from(beside).await.and_then(Result::ok) {
            Some(Ok(Some(read))) => Ok(read),
            Some(Err(error)) if error.may_be_damage() => Err(error),
            // It is a help, no more: where it did not come or has gone, the first session reads everything.
            _ => half(client, features).await,
        }
    };
    // All questions of a session are sent at once; the server answers them in turn.
    let (server, database, heads, classes, dependencies, (others, found)) = futures_util::try_join!(
        database::facts(client).boxed(),
        database::read(client, features).boxed(),
        heads::Heads::read(client, features).boxed(),
        try_join_all(classes(client, features, positions)),
        depend::ask(client).boxed(),
        other_half.boxed()
    )?;
    let classes: Vec<Vec<Object>> = classes.into_iter().chain(others).collect();
    let mut objects: Vec<Object> = Vec::with_capacity(classes.iter().map(Vec::len).sum());
    objects.extend(classes.into_iter().flatten());
    for object in &mut objects {
        heads.apply(object);
    }
    damage::leave_out_parts(&mut objects, client);
    sort(&mut objects);
    let dangling = dependencies.dangling(&objects, |catalog| found.oids(catalog));
    damage::leave_out_arrays(&mut objects, &dangling);
    let (edges, counted) = rayon::join(|| dependencies.between(&objects), || found.balance(&objects));
    let (missing, damage) = (counted.missing(), client.damage());
    let (census, mut unsupported) = census::name(client, counted).await?;
    damage::tell(&mut unsupported, &objects, (&dangling, &damage), &missing);
    let (planner_statistics, globals, census) = (Vec::new(), None, Some(census));
    Ok(Catalog { server, database, objects, edges, unsupported, planner_statistics, globals, census })
}

/// What the second session reads: objects of some classes, and what there is in all of them.
type OtherHalf = (Vec<Vec<Object>>, census::Found);

/// Whoever reads it.
type Beside = AbortOnDropHandle<Result<Option<OtherHalf>, IntrospectError>>;

async fn half(client: &Client<'_>, features: &Features) -> Result<OtherHalf, IntrospectError> {
    futures_util::try_join!(try_join_all(classes_beside(client, features)), census::ask(client).boxed())
}

type Answer<'a> = BoxFuture<'a, Result<Vec<Object>, IntrospectError>>;

/// One reader per class. Half the work is [beside](classes_beside), in a large database as in a small one: there most of it is the
/// server's learning what its own catalogs are.
fn classes<'a>(client: &'a Client<'a>, features: &'a Features, positions: Positions) -> Vec<Answer<'a>> {
    vec![
        schema::read(client, features).boxed(),
        extension::read(client, features).boxed(),
        typ::read(client, features).boxed(),
        function::read(client, features).boxed(),
        table::read(client, features).boxed(),
        sequence::read_with(client, features, positions).boxed(),
        view::read(client, features).boxed(),
        trigger::read(client, features).boxed(),
        rule::read(client, features).boxed(),
        policy::read(client, features).boxed(),
        statistics::read(client, features).boxed(),
        publication::read(client, features).boxed(),
    ]
}

/// The other classes: those that cost most where there are many relations, and those that nobody has many of.
fn classes_beside<'a>(client: &'a Client<'a>, features: &'a Features) -> Vec<Answer<'a>> {
    vec![
        index::read(client, features).boxed(),
        constraint::read(client, features).boxed(),
        event_trigger::read(client, features).boxed(),
        foreign::read(client, features).boxed(),
        default_acl::read(client, features).boxed(),
        large_object::read(client, features).boxed(),
        acl::system(client).boxed(),
        cast::read(client, features).boxed(),
        collation::read(client, features).boxed(),
        conversion::read(client, features).boxed(),
        language::read(client, features).boxed(),
        operator::read(client, features).boxed(),
        access_method::read(client, features).boxed(),
        text_search::read(client, features).boxed(),
        transform::read(client, features).boxed(),
        subscription::read(client, features).boxed(),
    ]
}

/// Puts objects in an order that the same schema always gives: class, schema, name, arguments, parent's name.
fn sort(objects: &mut [Object]) {
    permute(in_order(objects), |a, b| objects.swap(a, b));
}

/// Positions of the objects in that order.
fn in_order(objects: &[Object]) -> Vec<usize> {
    let relations = objects.iter().filter(|object| object.id.class == Class::Relation);
    let names: FxHashMap<ObjectId, &str> = relations.map(|object| (object.id, object.name.as_str())).collect();
    let mut order: Vec<usize> = (0..objects.len()).collect();
    order.par_sort_unstable_by(|a, b| {
        let (a, b) = (&objects[*a], &objects[*b]);
        let first = (a.id.class, &a.schema, &a.name).cmp(&(b.id.class, &b.schema, &b.name));
        first.then_with(|| rest(a, &names).cmp(&rest(b, &names)))
    });
    order
}

/// What tells apart objects of one name.
fn rest<'a>(object: &'a Object, relations: &FxHashMap<ObjectId, &'a str>) -> (&'a str, Option<&'a str>, Oid) {
    let arguments = match &object.body {
        Body::Function(function) => function.identity_arguments.as_str(),
        _ => "",
    };
    (arguments, object.parent.and_then(|id| relations.get(&id).copied()), object.id.oid)
}
