package sqlite

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net/url"

	"modernc.org/sqlite"
)

// background is the context of every call into the driver: a context that can
// end would cost a goroutine per statement. Contexts are heeded outside.
var background = context.Background()

// conn is one SQLite connection, used by one goroutine at a time. It speaks
// to the driver directly: database/sql would add locks and copies to every
// statement.
type conn struct{ c driver.Conn }

// openConn opens a connection to the store's database and applies pragmas,
// statements such as "PRAGMA cache_size=-2048".
func (s *Store) openConn(pragmas ...string) (conn, error) {
	dsn := (&url.URL{Scheme: "file", Path: s.path()}).String()
	if s.opt.vfs != "" {
		dsn += "?vfs=" + s.opt.vfs
	}
	connector, err := sqlite.NewConnector(dsn)
	if err != nil {
		return conn{}, err
	}
	dc, err := connector.Connect(background)
	if err != nil {
		return conn{}, err
	}
	c := conn{dc}
	for _, p := range pragmas {
		if err := c.run(p); err != nil {
			return conn{}, errors.Join(fmt.Errorf("%s: %w", p, err), c.close())
		}
	}
	return c, nil
}

func (c conn) close() error { return c.c.Close() }

// run executes one statement that is not worth keeping.
func (c conn) run(sql string) error {
	st, err := c.prepare(sql)
	if err != nil {
		return err
	}
	_, err = st.exec()
	return errors.Join(err, st.close())
}

// value returns the first column of the first row of a statement that is not
// worth keeping.
func (c conn) value(sql string) (driver.Value, error) {
	st, err := c.prepare(sql)
	if err != nil {
		return nil, err
	}
	var dest [1]driver.Value
	found, err := st.row(dest[:])
	if err == nil && !found {
		err = fmt.Errorf("%s: no row", sql)
	}
	return dest[0], errors.Join(err, st.close())
}

// stmt is a prepared statement of a connection.
type stmt struct {
	st interface {
		driver.Stmt
		driver.StmtExecContext
		driver.StmtQueryContext
	}
	args []driver.NamedValue // kept between calls
}

func (c conn) prepare(sql string) (*stmt, error) {
	st, err := c.c.Prepare(sql)
	if err != nil {
		return nil, err
	}
	full, ok := st.(interface {
		driver.Stmt
		driver.StmtExecContext
		driver.StmtQueryContext
	})
	if !ok {
		return nil, errors.Join(errors.New("the driver's statements take no context"), st.Close())
	}
	return &stmt{st: full}, nil
}

// prepareAll prepares several statements, each into its own variable.
func (c conn) prepareAll(into map[**stmt]string) error {
	for st, sql := range into {
		var err error
		if *st, err = c.prepare(sql); err != nil {
			return fmt.Errorf("%s: %w", sql, err)
		}
	}
	return nil
}

func (s *stmt) close() error { return s.st.Close() }

// bind sets the arguments, which are int64 or []byte.
func (s *stmt) bind(args []driver.Value) []driver.NamedValue {
	s.args = s.args[:0]
	for i, a := range args {
		s.args = append(s.args, driver.NamedValue{Ordinal: i + 1, Value: a})
	}
	return s.args
}

// exec runs the statement and returns how many rows it changed.
func (s *stmt) exec(args ...driver.Value) (changed int64, err error) {
	res, err := s.st.ExecContext(background, s.bind(args))
	clear(s.args)
	if err != nil {
		return 0, err
	}
	return res.RowsAffected()
}

// row reads the first row into dest, and says whether there is one.
func (s *stmt) row(dest []driver.Value, args ...driver.Value) (found bool, err error) {
	err = s.rows(dest, func() bool { found = true; return false }, args...)
	return found, err
}

// rows reads rows into dest and calls f after each, until f returns false.
func (s *stmt) rows(dest []driver.Value, f func() bool, args ...driver.Value) error {
	rows, err := s.st.QueryContext(background, s.bind(args))
	clear(s.args)
	if err != nil {
		return err
	}
	for {
		if err = rows.Next(dest); err != nil || !f() {
			break
		}
	}
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return errors.Join(err, rows.Close())
}

// blob is the value of a column that is never null. The driver hands out a
// copy, nil for an empty one.
func blob(v driver.Value) []byte {
	if b, ok := v.([]byte); ok && b != nil {
		return b
	}
	return []byte{}
}

// integer is the value of an INTEGER column that is never null.
func integer(v driver.Value) int64 {
	n, _ := v.(int64)
	return n
}
