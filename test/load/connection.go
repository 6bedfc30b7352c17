package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"strconv"
	"time"
)

// A connection is HTTP/1.1 over one TCP connection, one request at a time,
// read and written without net/http, so that the client costs less than the
// server does.
type connection struct {
	conn   net.Conn
	reader *bufio.Reader
	pool   [][]byte // signed requests, sent in turn
	next   int
	keep   bool // the bodies of good answers too
}

func dial(host string, pool [][]byte, first int) (*connection, error) {
	conn, err := net.Dial("tcp", host)
	if err != nil {
		return nil, err
	}
	return &connection{conn: conn, reader: bufio.NewReaderSize(conn, 16<<10), pool: pool, next: first}, nil
}

func (c *connection) close() { c.conn.Close() }

// answerTimeout is for one request and its answer.
const answerTimeout = 30 * time.Second

// roundTrip sends the next request. The body is returned for any status but
// 200, for an error message, and with keep for 200 too.
func (c *connection) roundTrip() (status int, body []byte, err error) {
	c.conn.SetDeadline(time.Now().Add(answerTimeout))
	request := c.pool[c.next%len(c.pool)]
	c.next++
	if _, err := c.conn.Write(request); err != nil {
		return 0, nil, err
	}
	return readAnswer(c.reader, c.keep)
}

var contentLengthName = []byte("content-length")

// readAnswer reads one HTTP/1.1 response whose body has a Content-Length.
func readAnswer(r *bufio.Reader, keep bool) (status int, body []byte, err error) {
	line, err := readLine(r)
	if err != nil {
		return 0, nil, err
	}
	if len(line) < 12 {
		return 0, nil, fmt.Errorf("bad status line %q", line)
	}
	if status, err = strconv.Atoi(string(line[9:12])); err != nil {
		return 0, nil, err
	}
	length := -1
	for {
		if line, err = readLine(r); err != nil {
			return 0, nil, err
		}
		if len(line) == 0 {
			break
		}
		name, value, _ := bytes.Cut(line, []byte(":"))
		if bytes.EqualFold(name, contentLengthName) {
			if length, err = strconv.Atoi(string(bytes.TrimSpace(value))); err != nil {
				return 0, nil, err
			}
		}
	}
	if length < 0 {
		return 0, nil, fmt.Errorf("an answer without Content-Length")
	}
	if status == 200 && !keep {
		_, err = r.Discard(length)
		return status, nil, err
	}
	body = make([]byte, length)
	_, err = io.ReadFull(r, body)
	return status, body, err
}

func readLine(r *bufio.Reader) ([]byte, error) {
	line, err := r.ReadSlice('\n')
	if err != nil {
		return nil, err
	}
	return bytes.TrimRight(line, "\r\n"), nil
}
