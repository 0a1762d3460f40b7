//! One sample of SQL per class; every line is a case that some dump has got wrong or could.

/// What the samples stand on; in the source only.
pub const BEFORE: &str = r#"
CREATE SCHEMA s;
CREATE SCHEMA "we""ird sch.ema";
"#;

pub const SCHEMAS: &str = r#"
CREATE SCHEMA owned AUTHORIZATION objects_owner;
CREATE SCHEMA "Select"; CREATE SCHEMA "new
line";
COMMENT ON SCHEMA s IS E'it''s a \\ comment\nof two lines, $$dollars$$ and ünïcödé 🐘';
REVOKE ALL ON SCHEMA public FROM PUBLIC; GRANT CREATE ON SCHEMA public TO objects_reader; COMMENT ON SCHEMA public IS NULL;
GRANT USAGE ON SCHEMA s TO objects_reader, PUBLIC; GRANT CREATE ON SCHEMA s TO "objects ""rölé" WITH GRANT OPTION;
"#;

pub const TYPES: &str = r#"
CREATE TYPE s.mood AS ENUM ('sad', 'happy'); ALTER TYPE s.mood ADD VALUE 'o''k "q" \' BEFORE 'happy';
CREATE TYPE s.no_mood AS ENUM ();
CREATE TYPE s.pair AS (a int, b text COLLATE "C", "we""ird col" numeric(10,2)); ALTER TYPE s.pair DROP ATTRIBUTE a, ADD ATTRIBUTE later s.mood[];
CREATE TYPE s.empty AS ();
CREATE TYPE s.nested AS (p s.pair, ps s.pair[]);
CREATE TYPE s.textrange AS RANGE (subtype = text, collation = "C", multirange_type_name = "we""ird sch.ema"."Multi");
CREATE FUNCTION s.diff(float8, float8) RETURNS float8 LANGUAGE sql IMMUTABLE STRICT AS 'SELECT $1 - $2';
CREATE TYPE s.floatrange AS RANGE (subtype = float8, subtype_diff = s.diff);
CREATE OPERATOR CLASS s.text_other_ops FOR TYPE text USING btree AS OPERATOR 1 <, OPERATOR 2 <=, OPERATOR 3 =, OPERATOR 4 >=, OPERATOR 5 >, FUNCTION 1 bttextcmp(text, text);
CREATE TYPE s.otherrange AS RANGE (subtype = text, subtype_opclass = s.text_other_ops);
CREATE TYPE s.undefined;
CREATE TYPE s.mytext;
CREATE FUNCTION s.mytext_in(cstring) RETURNS s.mytext LANGUAGE internal IMMUTABLE STRICT AS 'textin';
CREATE FUNCTION s.mytext_out(s.mytext) RETURNS cstring LANGUAGE internal IMMUTABLE STRICT AS 'textout';
CREATE FUNCTION s.mytext_recv(internal) RETURNS s.mytext LANGUAGE internal STABLE STRICT AS 'textrecv';
CREATE FUNCTION s.mytext_send(s.mytext) RETURNS bytea LANGUAGE internal STABLE STRICT AS 'textsend';
CREATE TYPE s.mytext (INPUT = s.mytext_in, OUTPUT = s.mytext_out, RECEIVE = s.mytext_recv, SEND = s.mytext_send, INTERNALLENGTH = variable,
    ALIGNMENT = int4, STORAGE = extended, CATEGORY = 'S', PREFERRED = true, COLLATABLE = true, DELIMITER = ';', DEFAULT = 'dflt');
CREATE TYPE s.my8;
CREATE FUNCTION s.my8_in(cstring) RETURNS s.my8 LANGUAGE internal IMMUTABLE STRICT AS 'int8in';
CREATE FUNCTION s.my8_out(s.my8) RETURNS cstring LANGUAGE internal IMMUTABLE STRICT AS 'int8out';
CREATE TYPE s.my8 (INPUT = s.my8_in, OUTPUT = s.my8_out, LIKE = int8);
COMMENT ON TYPE s.mood IS 'an enum'; COMMENT ON COLUMN s.pair.b IS 'an attribute'; COMMENT ON TYPE s.undefined IS 'a shell';
REVOKE USAGE ON TYPE s.mood FROM PUBLIC; GRANT USAGE ON TYPE s.mood TO objects_reader; ALTER TYPE s.pair OWNER TO objects_owner;
"#;

pub const DOMAINS: &str = r#"
CREATE DOMAIN s.posint AS int CHECK (VALUE > 0) NOT NULL DEFAULT 1;
CREATE DOMAIN s.named AS int CONSTRAINT "named not null" NOT NULL CONSTRAINT "we""ird" CHECK (VALUE < 5) CONSTRAINT a CHECK (VALUE <> 3);
CREATE DOMAIN s.over AS s.posint CONSTRAINT small CHECK (VALUE < 1000);
ALTER DOMAIN s.over ADD CONSTRAINT unchecked CHECK (VALUE <> 13) NOT VALID;
CREATE DOMAIN s.arr AS numeric(10,2)[] DEFAULT '{}' CHECK (array_ndims(VALUE) = 1);
CREATE DOMAIN s.email AS text COLLATE "C" CHECK (VALUE ~ '^[^@]+@[^@]+$');
CREATE FUNCTION s.is_even(int) RETURNS bool LANGUAGE sql IMMUTABLE AS 'SELECT $1 % 2 = 0';
CREATE DOMAIN s.even AS int CHECK (s.is_even(VALUE));
CREATE DOMAIN s.loop AS int;
CREATE FUNCTION s.takes_loop(s.loop) RETURNS bool LANGUAGE sql AS 'SELECT true';
ALTER DOMAIN s.loop ADD CONSTRAINT looped CHECK (s.takes_loop(VALUE));
COMMENT ON DOMAIN s.posint IS 'domain'; COMMENT ON CONSTRAINT "we""ird" ON DOMAIN s.named IS 'constraint';
COMMENT ON CONSTRAINT unchecked ON DOMAIN s.over IS 'not valid'; ALTER DOMAIN s.email OWNER TO objects_owner; GRANT USAGE ON DOMAIN s.email TO objects_reader;
"#;

pub const FUNCTIONS: &str = r#"
CREATE TYPE s.pair AS (a int, b text);
CREATE FUNCTION s.many(a int, VARIADIC b numeric[] DEFAULT '{1.5,NULL}') RETURNS SETOF s.pair LANGUAGE plpgsql VOLATILE LEAKPROOF STRICT
    SECURITY DEFINER PARALLEL RESTRICTED COST 123.5 ROWS 77 SET search_path = s, "we""ird sch.ema", "$user" SET work_mem = '5MB'
    SET "objects.own" = 'it''s "x" \ ,' SET datestyle = 'iso, dmy' AS $$ BEGIN RETURN; END $$;
CREATE FUNCTION s.no_path() RETURNS int LANGUAGE sql SET search_path = '' AS 'SELECT 1';
CREATE FUNCTION s.f(int) RETURNS int LANGUAGE sql IMMUTABLE PARALLEL SAFE COST 1 AS 'SELECT 1';
CREATE FUNCTION s.f(text) RETURNS int LANGUAGE sql STABLE AS $_$ SELECT $1::int $_$;
CREATE FUNCTION s.f(int, int DEFAULT 2) RETURNS void LANGUAGE sql AS '';
CREATE FUNCTION s.dollars() RETURNS text LANGUAGE sql AS E'SELECT \'$$ $_$ $__$\'::text -- \\ dos\r\n\t';
CREATE FUNCTION s.out(n int DEFAULT 3, OUT x int, INOUT y text DEFAULT E'a''\n\\') RETURNS SETOF record LANGUAGE sql ROWS 5 AS $$ SELECT 1, y $$;
CREATE FUNCTION s.returns_table(p s.pair, q anyelement) RETURNS TABLE (r s.pair, "s p" anyarray) LANGUAGE sql AS $$ SELECT p, array[q] $$;
CREATE FUNCTION "we""ird sch.ema"."f ""n"(IN "ar""g" int DEFAULT 1, OUT "o ut" text) LANGUAGE sql AS 'SELECT ''x''';
CREATE PROCEDURE s.proc(INOUT a int, b text DEFAULT 'x') LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN a := a + 1; END $$;
CREATE PROCEDURE s.proc_out(a int, OUT b int) LANGUAGE plpgsql AS $$ BEGIN b := a; END $$;
CREATE FUNCTION s.win(int) RETURNS bigint LANGUAGE internal WINDOW AS 'window_row_number';
CREATE FUNCTION s.c() RETURNS language_handler LANGUAGE c AS '$libdir/plpgsql', 'plpgsql_call_handler';
CREATE FUNCTION s.supported(int, int) RETURNS SETOF int LANGUAGE internal STRICT IMMUTABLE SUPPORT generate_series_int4_support AS 'generate_series_int4';
CREATE TABLE s.t (id int PRIMARY KEY, v text);
CREATE FUNCTION s.atomic(x int) RETURNS SETOF s.t LANGUAGE sql BEGIN ATOMIC SELECT * FROM s.t WHERE id = x; SELECT id, v FROM s.t GROUP BY id; END;
CREATE FUNCTION s.returned(x int) RETURNS int LANGUAGE sql RETURN x + 1;
CREATE PROCEDURE s.atomic_proc(x int) LANGUAGE sql BEGIN ATOMIC INSERT INTO s.t VALUES (x, 'é'); DELETE FROM s.t WHERE id = x; END;
CREATE FUNCTION s.uses_view() RETURNS int LANGUAGE sql AS 'SELECT 1'; CREATE VIEW s.view AS SELECT s.uses_view() AS x;
CREATE OR REPLACE FUNCTION s.uses_view() RETURNS int LANGUAGE sql BEGIN ATOMIC SELECT count(*)::int FROM s.view; END;
COMMENT ON FUNCTION s.f(int) IS ' '; COMMENT ON PROCEDURE s.proc(int, text) IS 'proc'; ALTER FUNCTION s.f(text) OWNER TO objects_owner; ALTER PROCEDURE s.proc(int, text) OWNER TO objects_owner;
REVOKE EXECUTE ON FUNCTION s.f(int) FROM PUBLIC; GRANT EXECUTE ON FUNCTION s.f(int) TO objects_reader WITH GRANT OPTION; REVOKE ALL ON PROCEDURE s.proc(int, text) FROM PUBLIC;
"#;

pub const AGGREGATES: &str = r#"
CREATE AGGREGATE s.sum(numeric) (SFUNC = numeric_add, STYPE = numeric, INITCOND = '0', COMBINEFUNC = numeric_add, MSFUNC = numeric_add,
    MINVFUNC = numeric_sub, MSTYPE = numeric, MINITCOND = '0', PARALLEL = safe);
CREATE AGGREGATE s.serial(float8) (SFUNC = int8_avg_accum, STYPE = internal, SSPACE = 48, FINALFUNC = numeric_poly_avg, COMBINEFUNC = int8_avg_combine,
    SERIALFUNC = int8_avg_serialize, DESERIALFUNC = int8_avg_deserialize, MSFUNC = int8_avg_accum, MINVFUNC = int8_avg_accum_inv, MSTYPE = internal, MSSPACE = 48,
    MFINALFUNC = numeric_poly_avg, FINALFUNC_MODIFY = shareable, MFINALFUNC_MODIFY = read_write);
CREATE AGGREGATE s.hyp(VARIADIC "any" ORDER BY VARIADIC "any") (SFUNC = ordered_set_transition_multi, STYPE = internal, FINALFUNC = rank_final, FINALFUNC_EXTRA, HYPOTHETICAL);
CREATE AGGREGATE s.ord(float8 ORDER BY anyelement) (SFUNC = ordered_set_transition, STYPE = internal, FINALFUNC = percentile_disc_final, FINALFUNC_EXTRA, FINALFUNC_MODIFY = read_only);
CREATE AGGREGATE s.sorted(int) (SFUNC = int4larger, STYPE = int, SORTOP = >, SSPACE = 8);
CREATE AGGREGATE s.star(*) (SFUNC = int8inc, STYPE = int8, INITCOND = '7');
COMMENT ON AGGREGATE s.star(*) IS 'star'; COMMENT ON AGGREGATE s.hyp(VARIADIC "any" ORDER BY VARIADIC "any") IS 'hyp'; ALTER AGGREGATE s.ord(float8 ORDER BY anyelement) OWNER TO objects_owner;
GRANT EXECUTE ON FUNCTION s.star() TO objects_reader; REVOKE EXECUTE ON FUNCTION s.hyp("any") FROM PUBLIC;
"#;

/// The serialised aggregate takes what its functions take.
pub fn aggregates() -> String {
    AGGREGATES.replace("s.serial(float8)", "s.serial(int8)")
}

pub const OPERATORS: &str = r#"
CREATE TYPE s.pair AS (a int, b text);
CREATE FUNCTION s.eq(s.pair, s.pair) RETURNS bool LANGUAGE sql IMMUTABLE AS 'SELECT $1::text = $2::text';
CREATE FUNCTION s.ne(s.pair, s.pair) RETURNS bool LANGUAGE sql IMMUTABLE AS 'SELECT $1::text <> $2::text';
CREATE FUNCTION s.pre(s.pair) RETURNS text LANGUAGE sql AS 'SELECT $1::text';
CREATE OPERATOR s.=== (LEFTARG = s.pair, RIGHTARG = s.pair, FUNCTION = s.eq, COMMUTATOR = OPERATOR(s.===), NEGATOR = OPERATOR(s.!==), RESTRICT = eqsel, JOIN = eqjoinsel, HASHES, MERGES);
CREATE OPERATOR s.!== (LEFTARG = s.pair, RIGHTARG = s.pair, FUNCTION = s.ne, COMMUTATOR = OPERATOR(s.!==), NEGATOR = OPERATOR(s.===));
CREATE OPERATOR s.@#@ (RIGHTARG = s.pair, FUNCTION = s.pre); ALTER OPERATOR s.@#@ (NONE, s.pair) OWNER TO objects_owner;
COMMENT ON OPERATOR s.=== (s.pair, s.pair) IS 'op';
CREATE FUNCTION s.lt48(int4, text) RETURNS bool LANGUAGE sql IMMUTABLE AS 'SELECT false'; CREATE FUNCTION s.cmp48(int4, text) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT 0';
CREATE OPERATOR s.<<<< (LEFTARG = int4, RIGHTARG = text, FUNCTION = s.lt48, COMMUTATOR = OPERATOR(s.>>>>));
CREATE OPERATOR FAMILY s.fam USING btree; ALTER OPERATOR FAMILY s.fam USING btree ADD OPERATOR 1 s.<<<< (int4, text), FUNCTION 1 (int4, text) s.cmp48(int4, text);
CREATE OPERATOR CLASS s.cls FOR TYPE int4 USING btree FAMILY s.fam AS OPERATOR 1 <, OPERATOR 2 <=, OPERATOR 3 =, OPERATOR 4 >=, OPERATOR 5 >, FUNCTION 1 btint4cmp(int4, int4), FUNCTION 2 btint4sortsupport(internal);
CREATE OPERATOR CLASS s.pts FOR TYPE point USING gist AS OPERATOR 1 <<, OPERATOR 15 <-> (point, point) FOR ORDER BY pg_catalog.float_ops, FUNCTION 1 gist_point_consistent(internal, point, smallint, oid, internal),
    FUNCTION 2 gist_box_union(internal, internal), FUNCTION 3 gist_point_compress(internal), FUNCTION 5 gist_box_penalty(internal, internal, internal), FUNCTION 6 gist_box_picksplit(internal, internal),
    FUNCTION 7 gist_box_same(box, box, internal), FUNCTION 8 gist_point_distance(internal, point, smallint, oid, internal), STORAGE box;
CREATE ACCESS METHOD objects_btree TYPE INDEX HANDLER bthandler;
CREATE OPERATOR CLASS s.int_ops DEFAULT FOR TYPE int4 USING objects_btree AS OPERATOR 1 <, OPERATOR 2 <=, OPERATOR 3 =, OPERATOR 4 >=, OPERATOR 5 >, FUNCTION 1 btint4cmp(int4, int4);
CREATE TABLE s.t (a int); CREATE INDEX ON s.t (a s.cls DESC);
COMMENT ON OPERATOR FAMILY s.fam USING btree IS 'family'; COMMENT ON OPERATOR CLASS s.cls USING btree IS 'class'; COMMENT ON ACCESS METHOD objects_btree IS 'am';
ALTER OPERATOR FAMILY s.fam USING btree OWNER TO objects_owner; ALTER OPERATOR CLASS s.cls USING btree OWNER TO objects_owner;
"#;

pub const TEXT_SEARCH: &str = r#"
CREATE TEXT SEARCH PARSER s.parser (START = prsd_start, GETTOKEN = prsd_nexttoken, END = prsd_end, LEXTYPES = prsd_lextype, HEADLINE = prsd_headline);
CREATE TEXT SEARCH TEMPLATE s.template (LEXIZE = dsimple_lexize, INIT = dsimple_init); CREATE TEXT SEARCH TEMPLATE s.bare (LEXIZE = dsimple_lexize);
CREATE TEXT SEARCH DICTIONARY s.dict (TEMPLATE = s.template, Accept = false); CREATE TEXT SEARCH DICTIONARY s."d ""2" (TEMPLATE = snowball, Language = english, StopWords = 'english');
CREATE TEXT SEARCH CONFIGURATION s.cfg (PARSER = s.parser); ALTER TEXT SEARCH CONFIGURATION s.cfg ADD MAPPING FOR asciiword, word, "url" WITH s.dict, s."d ""2", simple;
CREATE TEXT SEARCH CONFIGURATION s.copy (COPY = english); ALTER TEXT SEARCH CONFIGURATION s.copy ALTER MAPPING REPLACE english_stem WITH s.dict; ALTER TEXT SEARCH CONFIGURATION s.copy DROP MAPPING FOR int;
COMMENT ON TEXT SEARCH PARSER s.parser IS 'parser'; COMMENT ON TEXT SEARCH TEMPLATE s.template IS 'template'; COMMENT ON TEXT SEARCH DICTIONARY s.dict IS 'dict'; COMMENT ON TEXT SEARCH CONFIGURATION s.cfg IS 'cfg';
ALTER TEXT SEARCH DICTIONARY s.dict OWNER TO objects_owner; ALTER TEXT SEARCH CONFIGURATION s.cfg OWNER TO objects_owner;
"#;

pub const SMALL_CLASSES: &str = r#"
CREATE TYPE s.pair AS (a int, b text); CREATE DOMAIN s.d AS int;
CREATE FUNCTION s.cast_f(s.pair) RETURNS varchar LANGUAGE sql IMMUTABLE AS $$ SELECT ($1).b $$;
CREATE CAST (s.pair AS int) WITH INOUT; CREATE CAST (s.pair AS varchar) WITH FUNCTION s.cast_f(s.pair) AS ASSIGNMENT; CREATE CAST (int4 AS "char"[]) WITH INOUT AS IMPLICIT; COMMENT ON CAST (s.pair AS int) IS 'cast';
CREATE TYPE s.r AS RANGE (subtype = int);
CREATE DEFAULT CONVERSION s.conv FOR 'LATIN1' TO 'UTF8' FROM iso8859_1_to_utf8; CREATE CONVERSION s.conv2 FOR 'UTF8' TO 'LATIN1' FROM utf8_to_iso8859_1; COMMENT ON CONVERSION s.conv IS 'conv'; ALTER CONVERSION s.conv OWNER TO objects_owner;
CREATE COLLATION s.c FROM "C"; CREATE COLLATION s."li""bc" (provider = libc, lc_collate = 'C', lc_ctype = 'POSIX'); COMMENT ON COLLATION s.c IS 'coll'; ALTER COLLATION s.c OWNER TO objects_owner;
CREATE FUNCTION s.call() RETURNS language_handler LANGUAGE c AS '$libdir/plpgsql', 'plpgsql_call_handler';
CREATE FUNCTION s.inline(internal) RETURNS void LANGUAGE c STRICT AS '$libdir/plpgsql', 'plpgsql_inline_handler';
CREATE FUNCTION s.validate(oid) RETURNS void LANGUAGE c STRICT AS '$libdir/plpgsql', 'plpgsql_validator';
CREATE TRUSTED LANGUAGE objects_pl HANDLER s.call INLINE s.inline VALIDATOR s.validate; COMMENT ON LANGUAGE objects_pl IS 'lang'; GRANT USAGE ON LANGUAGE objects_pl TO objects_reader; ALTER LANGUAGE objects_pl OWNER TO objects_owner;
CREATE LANGUAGE "Objects untrusted" HANDLER s.call;
CREATE FUNCTION s.own_language() RETURNS int LANGUAGE objects_pl AS 'begin return 1; end';
CREATE TRANSFORM FOR int LANGUAGE sql (FROM SQL WITH FUNCTION prsd_lextype(internal), TO SQL WITH FUNCTION int4recv(internal)); COMMENT ON TRANSFORM FOR int LANGUAGE sql IS 'transform';
CREATE FUNCTION s.transforming(int) RETURNS int TRANSFORM FOR TYPE int LANGUAGE sql AS 'SELECT $1';
CREATE ACCESS METHOD objects_heap TYPE TABLE HANDLER heap_tableam_handler; COMMENT ON ACCESS METHOD objects_heap IS 'am'; CREATE TABLE s.other (a int) USING objects_heap;
"#;

pub const FOREIGN: &str = r#"
CREATE FOREIGN DATA WRAPPER objects_fdw OPTIONS (debug 'it''s', "quo""ted" '\'); COMMENT ON FOREIGN DATA WRAPPER objects_fdw IS 'fdw'; GRANT USAGE ON FOREIGN DATA WRAPPER objects_fdw TO objects_owner;
CREATE FOREIGN DATA WRAPPER validated VALIDATOR postgresql_fdw_validator;
CREATE SERVER "srv ""x" TYPE 'ty''pe' VERSION '1.2"3' FOREIGN DATA WRAPPER objects_fdw OPTIONS (host 'h', "port ""x" '5'); COMMENT ON SERVER "srv ""x" IS 'srv'; ALTER SERVER "srv ""x" OWNER TO objects_owner; GRANT USAGE ON FOREIGN SERVER "srv ""x" TO objects_reader;
CREATE USER MAPPING FOR PUBLIC SERVER "srv ""x" OPTIONS (user 'u', password 'p''w\'); CREATE USER MAPPING FOR "objects ""rölé" SERVER "srv ""x";
CREATE FOREIGN TABLE s.ft (a int OPTIONS (column_name 'A "q"') NOT NULL) SERVER "srv ""x" OPTIONS (table_name 'it''s');
"#;

pub const EVENT_TRIGGERS: &str = r#"
CREATE FUNCTION s.evt() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'fired while restoring'; END $$;
CREATE FUNCTION s.quiet() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN END $$;
CREATE EVENT TRIGGER objects_always ON ddl_command_start EXECUTE FUNCTION s.quiet(); ALTER EVENT TRIGGER objects_always ENABLE ALWAYS; COMMENT ON EVENT TRIGGER objects_always IS 'et';
CREATE EVENT TRIGGER "objects ""on" ON table_rewrite EXECUTE FUNCTION s.quiet();
CREATE EVENT TRIGGER objects_disabled ON ddl_command_end WHEN TAG IN ('CREATE TABLE', 'DROP TABLE') EXECUTE FUNCTION s.evt(); ALTER EVENT TRIGGER objects_disabled DISABLE;
CREATE EVENT TRIGGER objects_replica ON sql_drop EXECUTE FUNCTION s.evt(); ALTER EVENT TRIGGER objects_replica ENABLE REPLICA;
"#;

pub const PRIVILEGES: &str = r#"
CREATE TABLE s.acl (a int, b text, c text, "d""e" int); ALTER TABLE s.acl OWNER TO objects_owner;
GRANT SELECT (a, "d""e"), UPDATE (b) ON s.acl TO objects_reader WITH GRANT OPTION; GRANT INSERT, TRUNCATE ON s.acl TO objects_grantor WITH GRANT OPTION; GRANT USAGE ON SCHEMA s TO objects_grantor;
SET ROLE objects_grantor; GRANT INSERT ON s.acl TO objects_reader; RESET ROLE;
GRANT ALL ON s.acl TO "objects ""rölé"; REVOKE DELETE ON s.acl FROM "objects ""rölé"; GRANT SELECT ON s.acl TO PUBLIC; GRANT ALL (c) ON s.acl TO PUBLIC;
CREATE TABLE s.none (a int); ALTER TABLE s.none OWNER TO objects_owner; REVOKE ALL ON s.none FROM objects_owner;
CREATE TABLE s.partly (a int); REVOKE UPDATE, TRUNCATE ON s.partly FROM CURRENT_USER; GRANT SELECT ON s.partly TO objects_reader;
CREATE SEQUENCE s.seq; GRANT USAGE, SELECT ON SEQUENCE s.seq TO objects_reader; CREATE VIEW s.v AS SELECT 1 AS x; GRANT SELECT (x) ON s.v TO objects_reader;
CREATE TYPE s.r AS RANGE (subtype = int); REVOKE ALL ON FUNCTION s.r(int, int) FROM PUBLIC;
GRANT SELECT (relname, tableoid) ON pg_class TO objects_reader; GRANT EXECUTE ON FUNCTION pg_reload_conf() TO objects_reader; REVOKE USAGE ON LANGUAGE sql FROM PUBLIC; GRANT SELECT ON pg_authid TO objects_reader;
ALTER DEFAULT PRIVILEGES FOR ROLE objects_owner GRANT SELECT ON TABLES TO objects_reader; ALTER DEFAULT PRIVILEGES FOR ROLE objects_owner IN SCHEMA s GRANT INSERT, UPDATE ON TABLES TO objects_grantor WITH GRANT OPTION;
ALTER DEFAULT PRIVILEGES FOR ROLE objects_owner REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC; ALTER DEFAULT PRIVILEGES IN SCHEMA s GRANT USAGE ON TYPES TO objects_reader;
ALTER DEFAULT PRIVILEGES FOR ROLE objects_owner GRANT ALL ON SEQUENCES TO objects_reader; ALTER DEFAULT PRIVILEGES FOR ROLE objects_owner GRANT USAGE ON SCHEMAS TO objects_reader;
ALTER DEFAULT PRIVILEGES FOR ROLE objects_owner REVOKE TRUNCATE ON TABLES FROM objects_owner;
GRANT CREATE ON SCHEMA s TO objects_owner; SET ROLE objects_owner; CREATE TABLE s.under_defaults (a int); CREATE FUNCTION s.under_defaults() RETURNS int LANGUAGE plpgsql AS 'BEGIN RETURN 1; END'; RESET ROLE;
"#;

pub const LARGE_OBJECTS: &str = r#"
SELECT lo_create(oid) FROM unnest(ARRAY[900001, 900002, 900003, 900004, 900005, 900006]) oid; SELECT lo_create(4000000000);
ALTER LARGE OBJECT 900003 OWNER TO objects_owner; ALTER LARGE OBJECT 900004 OWNER TO objects_owner;
GRANT SELECT ON LARGE OBJECT 900005, 900006 TO objects_reader, PUBLIC; GRANT UPDATE ON LARGE OBJECT 900006 TO "objects ""rölé" WITH GRANT OPTION; COMMENT ON LARGE OBJECT 900001 IS E'a ''large'' object\n\\';
"#;

pub const EXTENSIONS: &str = r#"
CREATE EXTENSION hstore SCHEMA "we""ird sch.ema"; CREATE EXTENSION citext SCHEMA s; COMMENT ON EXTENSION citext IS 'another comment';
CREATE TABLE s.uses (h "we""ird sch.ema".hstore, c s.citext PRIMARY KEY); REVOKE EXECUTE ON FUNCTION s.citext(boolean) FROM PUBLIC; GRANT EXECUTE ON FUNCTION s.citext(boolean) TO objects_reader;
CREATE FUNCTION s.goes_with() RETURNS int LANGUAGE sql AS 'SELECT 1'; ALTER FUNCTION s.goes_with() DEPENDS ON EXTENSION citext;
CREATE INDEX goes_too ON s.uses (c); ALTER INDEX s.goes_too DEPENDS ON EXTENSION citext;
"#;

pub const SUBSCRIPTIONS: &str = r#"
CREATE SUBSCRIPTION objects_off CONNECTION 'host=nowhere dbname=''x y'' user=u password=p' PUBLICATION "p""1", p2
    WITH (connect = false, enabled = false, slot_name = NONE, create_slot = false, synchronous_commit = 'remote_write'); COMMENT ON SUBSCRIPTION objects_off IS 'sub';
CREATE SUBSCRIPTION "objects ""bin" CONNECTION 'host=nowhere' PUBLICATION p WITH (connect = false, slot_name = 'sl_ot', binary, streaming);
"#;
