package main

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"

	"trent/internal/evidence"
)

// pair are the files of a report, which stand under their names when both are whole.
type pair struct {
	html, json *newFile
	name       string
	pages      []*newFile
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

func createReport(name string) (*newFile, error) {
	f, err := createNew(name, 0o600)
	return f, alreadyThere(name, "a report", err)
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
func (p *pair) keep() error { return keepAll(append(slices.Clone(p.pages), p.html, p.json)...) }

func (p *pair) discard() (err error) {
	for _, f := range append(slices.Clone(p.pages), p.html, p.json) {
		err = errors.Join(err, f.discard())
	}
	return err
}
