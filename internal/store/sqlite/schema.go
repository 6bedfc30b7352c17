package sqlite

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// The marks in the database's header by which a store is known: application_id
// ("TRNT") and user_version, the version of the schema.
const (
	applicationID = 0x54524e54
	schemaVersion = 1
)

// schema makes an empty store. kv is a rowid table with an index: WITHOUT ROWID
// would put every record of about a kilobyte onto an overflow page.
var schema = []string{
	"CREATE TABLE kv(k BLOB NOT NULL UNIQUE, v BLOB NOT NULL, cre INTEGER NOT NULL, mod INTEGER NOT NULL)",
	"CREATE TABLE meta(id INTEGER PRIMARY KEY CHECK(id = 1), rev INTEGER NOT NULL)",
	"INSERT INTO meta(id, rev) VALUES(1, 0)",
	fmt.Sprintf("PRAGMA application_id=%d", applicationID),
	fmt.Sprintf("PRAGMA user_version=%d", schemaVersion),
}

// openDatabase opens the connection that writes, makes the schema if the
// database is new, and checks that it is a store and durable.
func (s *Store) openDatabase() (conn, error) {
	// SQLite gives its own files the mode of the database, so it is made here.
	f, err := os.OpenFile(s.path(), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return conn{}, err
	}
	// It stays open until the connections are closed: closing it would give
	// back SQLite's own locks on it, which are the process's.
	s.file = f
	if err := f.Chmod(0o600); err != nil {
		return conn{}, err
	}
	c, err := s.openConn(
		"PRAGMA busy_timeout=50", // ms: a checkpoint waits so long for readers
		"PRAGMA synchronous="+s.opt.synchronous,
		"PRAGMA secure_delete=ON",
		"PRAGMA wal_autocheckpoint=0", // the checkpointer's work, off the request path
		"PRAGMA cache_size=-4096",     // KiB
		"PRAGMA temp_store=MEMORY",
		"PRAGMA cell_size_check=ON",
		"PRAGMA journal_mode=WAL",
	)
	if err != nil {
		return conn{}, err
	}
	if err := s.initialize(c); err != nil {
		return conn{}, errors.Join(err, c.close())
	}
	return c, nil
}

// initialize makes the schema in a new database and checks an old one's marks.
func (s *Store) initialize(c conn) error {
	if mode, err := c.value("PRAGMA journal_mode"); err != nil || mode != "wal" {
		return errors.Join(fmt.Errorf("journal mode is %v, want wal", mode), err)
	}
	if n, err := c.value("PRAGMA secure_delete"); err != nil || integer(n) != 1 {
		return errors.Join(fmt.Errorf("secure_delete is %v, want 1", n), err)
	}
	if n, err := c.value("PRAGMA synchronous"); err != nil || integer(n) != 2 && s.opt.synchronous == "FULL" {
		return errors.Join(fmt.Errorf("synchronous is %v, want 2 (FULL)", n), err)
	}
	tables, err := c.value("SELECT count(*) FROM sqlite_schema")
	if err != nil {
		return err
	}
	if integer(tables) == 0 {
		if err := c.create(); err != nil {
			return err
		}
		return syncDirs(s.dir, filepath.Dir(s.dir))
	}
	app, err := c.value("PRAGMA application_id")
	if err != nil {
		return err
	}
	version, err := c.value("PRAGMA user_version")
	if err != nil {
		return err
	}
	if integer(app) != applicationID || integer(version) != schemaVersion {
		return fmt.Errorf("not a store of this version: application id %v, schema version %v", app, version)
	}
	return nil
}

// create makes the schema in one transaction.
func (c conn) create() error {
	if err := c.run("BEGIN IMMEDIATE"); err != nil {
		return err
	}
	for _, sql := range schema {
		if err := c.run(sql); err != nil {
			return errors.Join(fmt.Errorf("%s: %w", sql, err), c.run("ROLLBACK"))
		}
	}
	return c.run("COMMIT")
}

// syncDirs makes the names of new files durable.
func syncDirs(dirs ...string) error {
	for _, dir := range dirs {
		f, err := os.Open(dir)
		if err != nil {
			return err
		}
		if err := errors.Join(f.Sync(), f.Close()); err != nil {
			return err
		}
	}
	return nil
}
