package evidence

import (
	"bufio"
	"io"
)

// keysOnPage is how many keys stand in one HTML file: more, and a browser has trouble.
const keysOnPage = 500

// Parts makes the further HTML files of a report of many keys.
type Parts interface {
	// Index is the name of the first file, and Name that of a further one, from 1 on.
	Index() string
	Name(number int) string
	// Create begins a further file. The next call of Create, or of Close, ends it.
	Create(number int) (io.Writer, error)
	// Close ends the file that was begun last and returns its SHA-256, hex.
	Close() (sha256 string, err error)
}

// File is a file of a report.
type File struct {
	Name   string `json:"html"`
	SHA256 string `json:"htmlSha256"`
}

// parts are the files in which the sections of keys stand, if they are too many for one.
type parts struct {
	of    Parts
	names []string // none: all is in one file
	keys  int      // that were begun
	w     *bufio.Writer
	done  []File
}

// divide says in which file each key stands.
func (p *parts) divide(of Parts, keys []*entry) {
	if of == nil || len(keys) <= keysOnPage {
		return
	}
	p.of = of
	for i, e := range keys {
		if i%keysOnPage == 0 {
			p.names = append(p.names, of.Name(len(p.names)+1))
		}
		e.Page = p.names[len(p.names)-1]
	}
}

// Split are the names of the further files, and Index that of the first, for the template.
func (p *page) Split() []string { return p.parts.names }

// Index is the name of the first file.
func (p *page) Index() string { return p.parts.of.Index() }

// out is the file that a section goes to.
func (p *page) out() io.Writer {
	if p.parts.w != nil {
		return p.parts.w
	}
	return p.w
}

// turn goes on to the file of a section; nil is the end of all.
func (p *page) turn(e *entry) error {
	t := &p.parts
	key := e != nil && e.section == sectionKey
	if len(t.names) == 0 || key && t.keys%keysOnPage != 0 {
		t.keys++
		return nil
	}
	if t.w != nil {
		err := p.made.ExecuteTemplate(visible{t.w}, "keysfoot", nil)
		if err == nil {
			err = t.w.Flush()
		}
		if err != nil {
			return err
		}
		sum, err := t.of.Close()
		if err != nil {
			return err
		}
		t.done = append(t.done, File{t.names[len(t.done)], sum})
		t.w = nil
	}
	if !key {
		return nil
	}
	t.keys++
	w, err := t.of.Create(len(t.done) + 1)
	if err != nil {
		return err
	}
	t.w, p.last = bufio.NewWriterSize(w, 1<<16), ""
	return p.made.ExecuteTemplate(visible{t.w}, "keys", p)
}
