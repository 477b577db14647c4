"""What a text of SQL is taken to write: its own table, everything, or nothing."""

from __future__ import annotations

import pytest
from django.db.models import F
from django.db.models.sql import Query
from django.db.models.sql.subqueries import DeleteQuery, InsertQuery, UpdateQuery

from autoprefetch.orm import effects
from autoprefetch.orm.effects import EVERYTHING, NOTHING, Effect
from tests.library.models import Author, Book, Copy, Supplier

BOOK = Effect(frozenset({"library_book"}))
BOOK_AND_MORE = Effect(frozenset({"library_book"}), everything=True)

READS = [
    "SELECT 1",
    "  \n\tselect * from library_book",
    "-- why\nSELECT 1",
    "/* why */ SELECT 1 /* UPDATE library_book */",
    "SELECT 'UPDATE library_book; DELETE', \"update\" FROM library_book",
    "(SELECT 1) UNION ALL (SELECT 2)",
    "SELECT count(*), max(pages), coalesce(a, b), lower ( title ) FROM library_book GROUP BY author_id",
    "SELECT * FROM library_book WHERE id IN (%s, %s) AND (pages > 1 OR NOT (pages < 3)) ORDER BY id LIMIT 3",
    "SELECT replace(title, 'a', 'b'), CAST(pages AS numeric(10, 2)), pages::varchar(10) FROM library_book",
    "SELECT row_number() OVER (PARTITION BY author_id ORDER BY pages) FROM library_book",
    "SELECT count(*) FILTER (WHERE pages > 1) FROM library_book b LEFT OUTER JOIN library_author a USING (id)",
    "WITH few AS (SELECT 1 AS n) SELECT * FROM few",
    "SELECT substring(title FROM 1 FOR 2) FROM library_book",
    "EXPLAIN UPDATE library_book SET pages = 1",
    "EXPLAIN QUERY PLAN SELECT 1",
    "EXPLAIN ANALYZE SELECT 1",
    "VALUES (1), (2)",
    "SAVEPOINT s1_x2",
    'RELEASE SAVEPOINT "s1_x2"',
    "PRAGMA foreign_keys",
    "SHOW TABLES",
    "SET SQL_AUTO_IS_NULL = 0; SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED",
    "SELECT 1;",
    "",
    b"SELECT 1",
]

WRITES_A_BOOK = [
    "UPDATE library_book SET pages = 1",
    "update Library_Book set pages = %s",
    'UPDATE "library_book" SET pages = 1 WHERE id IN (SELECT id FROM library_book)',
    "UPDATE `library_book` SET pages = 1",
    "UPDATE public.library_book SET pages = 1",
    'UPDATE "public"."library_book" AS b SET pages = 1',
    "UPDATE ONLY library_book * b SET pages = lower('x')",
    "UPDATE OR IGNORE library_book SET pages = 1",
    "UPDATE LOW_PRIORITY IGNORE library_book SET pages = 1",
    "-- for you\nUPDATE library_book SET pages = 1",
    "/* for you */UPDATE library_book SET pages = 1",
    "INSERT INTO library_book (pages) VALUES (%s), (%s)",
    "INSERT OR IGNORE INTO library_book VALUES (1)",
    "INSERT IGNORE INTO `library_book` (pages) SELECT pages FROM library_book",
    "INSERT INTO library_book (id) VALUES (1) ON CONFLICT (id) DO UPDATE SET pages = excluded.pages RETURNING id",
    "INSERT INTO library_book (id) VALUES (1) ON DUPLICATE KEY UPDATE pages = VALUES(pages)",
    "SELECT 1; UPDATE library_book SET pages = 1",
    "EXPLAIN ANALYZE UPDATE library_book SET pages = 1",
    "EXPLAIN (ANALYZE, BUFFERS) UPDATE library_book SET pages = 1",
    b"UPDATE library_book SET pages = 1",
]

WRITES_A_BOOK_AND_MORE = [
    "UPDATE library_book SET pages = do_write(pages)",
    "UPDATE library_book b SET pages = 1 FROM (SELECT do_write()) x",
    "INSERT INTO library_book SELECT * FROM library_book FOR UPDATE",
    "INSERT INTO library_book VALUES (1); DELETE FROM library_tag",
    "UPDATE library_book SET pages = 1; SELECT do_write()",
]

MAY_WRITE_ANYTHING = [
    "DELETE FROM library_book",
    "REPLACE INTO library_book VALUES (1)",
    "INSERT OR REPLACE INTO library_book VALUES (1)",
    "UPDATE OR REPLACE library_book SET id = 1",
    "UPDATE library_book JOIN library_author ON (1 = 1) SET pages = 1",
    "UPDATE library_book b, library_author a SET b.pages = 1",
    "UPDATE a_table_of_nobody SET pages = 1",
    "INSERT INTO a_table_of_nobody VALUES (1)",
    "SELECT do_write()",
    "SELECT do_write ( 1 )",
    'SELECT "do_write"(1)',
    "SELECT public.lower('x')",
    "SELECT * FROM do_write()",
    "SELECT 1; SELECT do_write()",
    "WITH gone AS (DELETE FROM library_book RETURNING *) SELECT * FROM gone",
    "WITH few AS (SELECT 1) UPDATE library_book SET pages = 1",
    "SELECT * FROM library_book FOR UPDATE",
    "SELECT * FROM library_book FOR UPDATE NOWAIT",
    "SELECT * FROM library_book FOR UPDATE OF library_book SKIP LOCKED",
    "SELECT * FROM library_book FOR NO KEY UPDATE",
    "SELECT * FROM library_book FOR SHARE",
    "SELECT * FROM library_book LOCK IN SHARE MODE",
    "SELECT * INTO other FROM library_book",
    "EXPLAIN ANALYZE DELETE FROM library_book",
    "ANALYZE UPDATE library_book SET pages = 1",
    "MERGE INTO library_book USING x ON (1 = 1) WHEN MATCHED THEN DELETE",
    "TRUNCATE library_book",
    "COPY library_book FROM STDIN",
    "CALL do_write()",
    "DO $$ BEGIN PERFORM 1; END $$",
    "EXECUTE prepared",
    "SET ROLE tenant",
    "SET search_path TO tenant",
    "ROLLBACK",
    "COMMIT",
    "BEGIN IMMEDIATE",
    "CREATE TABLE x (id int)",
    # Where databases read a text differently, nobody can tell.
    "SELECT '\\', do_write('x')",
    "SELECT 5 --1, do_write()",
    "SELECT 5 # do_write()",
    "/*! UPDATE library_book SET pages = 1 */",
    "SELECT $$, do_write('x')$$",
    "SELECT ARRAY [do_write()]",
    "SELECT 1 FROM library_book WHERE id IN (" + ", ".join(["%s"] * 5000) + ")",
    "INSERT INTO library_book VALUES (1)" + ", (1)" * 5000,
    None,
    object(),
]


@pytest.mark.parametrize("sql", READS)
def test_a_text_that_only_reads(sql):
    assert effects.of_sql(sql) == NOTHING


@pytest.mark.parametrize("sql", WRITES_A_BOOK)
def test_a_text_that_writes_one_table(sql):
    assert effects.of_sql(sql) == BOOK


@pytest.mark.parametrize("sql", WRITES_A_BOOK_AND_MORE)
def test_a_text_that_writes_one_table_and_perhaps_others(sql):
    assert effects.of_sql(sql) == BOOK_AND_MORE


@pytest.mark.parametrize(
    "sql", MAY_WRITE_ANYTHING, ids=lambda sql: sql[:60] if isinstance(sql, str) else type(sql).__name__
)
def test_a_text_that_may_write_anything(sql):
    assert effects.of_sql(sql) == EVERYTHING


def test_a_text_is_read_once():
    """A raw query in a loop is not read again and again."""
    effects._read.cache_clear()
    for _ in range(3):
        effects.of_sql("SELECT title FROM library_book WHERE id = %s")
    assert effects._read.cache_info().misses == 1


def test_names_of_savepoints_drive_nothing_from_the_cache():
    """Django makes a new name for each."""
    effects._read.cache_clear()
    for number in range(3):
        effects.of_sql(f'SAVEPOINT "s{number}"')
    assert effects._read.cache_info().misses == 0


def test_the_statements_of_the_orm_name_their_tables():
    assert effects.of_query(Query(Book)) == NOTHING
    assert effects.of_query(InsertQuery(Book)) == BOOK
    assert effects.of_query(UpdateQuery(Book)) == BOOK
    assert effects.of_query(DeleteQuery(Book)) == BOOK
    assert effects.of_query(Book.objects.select_for_update().query) == EVERYTHING
    assert effects.of_query(Book.objects.filter(pages=F("id")).query) == NOTHING


def test_a_delete_reaches_what_is_left_to_the_database():
    """`DO_NOTHING` often means that the table has an ON DELETE of its own; the rest Django deletes by statements."""
    found = effects.of_query(DeleteQuery(Supplier))
    assert found.tables == {"library_supplier", Copy._meta.db_table}
    assert not found.everything
    assert "library_book" not in effects.of_query(DeleteQuery(Author)).tables


def test_a_lock_in_a_subquery_of_the_orm_is_seen():
    assert effects.locks("SELECT 1 FROM a WHERE id IN (SELECT id FROM b FOR UPDATE SKIP LOCKED)")
    assert not effects.locks("SELECT 1 FROM a WHERE SUBSTRING(b FROM 1 FOR 2) = %s")
