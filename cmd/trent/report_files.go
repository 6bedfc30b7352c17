package main

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"path/filepath"
	"slices"

	"trent/internal/evidence"
)

// pair are the files of a report, which stand under their names when both are whole.
type pair struct {
	html, json *reportFile
	name       string
	pages      []*reportFile
	made       []evidence.File
}

// createPair begins the files; neither may be there.
func createPair(name string) (*pair, error) {
	p := &pair{name: name}
	var err error
	if p.html, err = createReport(name + ".html"); err != nil {
		return nil, err
	}
	if p.json, err = createReport(name + ".json"); err != nil {
		return nil, errors.Join(err, p.html.discard())
	}
	return p, nil
}

// Index is the name of the first HTML file.
func (p *pair) Index() string { return filepath.Base(p.html.name) }

// Name is the name of a further one.
func (p *pair) Name(number int) string { return filepath.Base(p.page(number)) }

func (p *pair) page(number int) string { return fmt.Sprintf("%s-keys-%d.html", p.name, number) }

// Create begins a further HTML file.
func (p *pair) Create(number int) (io.Writer, error) {
	f, err := createReport(p.page(number))
	if err != nil {
		return nil, err
	}
	p.pages = append(p.pages, f)
	return f, nil
}

// Close ends it.
func (p *pair) Close() (sha256 string, err error) {
	f := p.pages[len(p.pages)-1]
	if err := f.finish(); err != nil {
		return "", err
	}
	p.made = append(p.made, evidence.File{Name: f.name, SHA256: f.sum()})
	return f.sum(), nil
}

// keep puts all files under their names, that which has the others' hashes behind them.
func (p *pair) keep() error {
	for _, f := range append(slices.Clone(p.pages), p.html, p.json) {
		if err := f.keep(); err != nil {
			return err
		}
	}
	return nil
}

func (p *pair) discard() (err error) {
	for _, f := range append(slices.Clone(p.pages), p.html, p.json) {
		err = errors.Join(err, f.discard())
	}
	return err
}

// reportFile is a file in the making, and its hash.
type reportFile struct {
	name string
	f    *os.File
	w    *bufio.Writer
	hash hash.Hash

	finished, kept bool
}

func createReport(name string) (*reportFile, error) {
	if _, err := os.Lstat(name); err == nil {
		return nil, fmt.Errorf("%s is there already, and a report overwrites nothing", name)
	}
	f, err := os.OpenFile(name+".partial", os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	r := &reportFile{name: name, f: f, hash: sha256.New()}
	r.w = bufio.NewWriter(io.MultiWriter(f, r.hash))
	return r, nil
}

func (r *reportFile) Write(b []byte) (int, error) { return r.w.Write(b) }
func (r *reportFile) sum() string                 { return hex.EncodeToString(r.hash.Sum(nil)) }

// finish puts the file on the disk.
func (r *reportFile) finish() error {
	if r.finished {
		return nil
	}
	r.finished = true
	return errors.Join(r.w.Flush(), r.f.Sync(), r.f.Close())
}

// keep gives the file its name.
func (r *reportFile) keep() error {
	if err := r.finish(); err != nil {
		return err
	}
	r.kept = true
	if err := os.Link(r.name+".partial", r.name); err != nil { // which overwrites nothing
		return err
	}
	return os.Remove(r.name + ".partial")
}

// discard removes what was not kept.
func (r *reportFile) discard() error {
	switch {
	case r.kept:
		return nil
	case r.finished:
		return os.Remove(r.name + ".partial")
	}
	return errors.Join(r.f.Close(), os.Remove(r.name+".partial"))
}
