package evidence

import (
	"bufio"
	"bytes"
	"cmp"
	_ "embed"
	"encoding/json"
	"fmt"
	"html/template"
	"io"
	"slices"
	"strings"
	"time"

	"trent/internal/evidence/replay"
)

// What the page shows of one key; the JSON has all.
const (
	maxShownUses      = 300
	maxShownChanges   = 500
	maxShownIntervals = 200
)

//go:embed page.html.tmpl
var pageText string

// page writes the report as one HTML file, section by section.
type page struct {
	w       *bufio.Writer
	made    *template.Template
	head    *Head
	index   *index
	section section
	last    string // kind of the section before
	parts   parts
}

// section is what the page shows of one section.
type section struct {
	*entry
	Head         *Head
	ID           string // in the page
	Begins       bool   // the first of its kind
	Key          *Key
	Timeline     *replay.Timeline
	Changes      []Change
	MoreChanges  int
	Uses         []Use
	MoreUses     int
	MoreUseCalls uint64
}

// newPage writes the page's begin.
func newPage(w io.Writer, head *Head, x *index, of Parts) (*page, error) {
	made, err := template.New("page").Funcs(template.FuncMap{
		"moment": moment, "number": number, "short": func(hash string) string { return hash[:min(16, len(hash))] }, "operations": shortOperations,
		"join": strings.Join, "document": indented, "parameters": parameters, "id": sectionID, "kindName": kindName, "from": origin,
		"shown":  func(all []replay.Interval) []replay.Interval { return all[:min(len(all), maxShownIntervals)] },
		"hidden": func(all []replay.Interval) int { return max(0, len(all)-maxShownIntervals) },
	}).Parse(pageText)
	if err != nil {
		return nil, fmt.Errorf("evidence: %w", err)
	}
	p := &page{w: bufio.NewWriterSize(w, 1<<16), made: made, head: head, index: x}
	p.parts.divide(of, p.Keys())
	return p, p.made.ExecuteTemplate(visible{p.w}, "head", p)
}

// Head and Entries are for the template.
func (p *page) Head() *Head { return p.head }

// Keys are the index's keys.
func (p *page) Keys() []*entry { return p.of(sectionKey) }

// Accounts are the index's accounts.
func (p *page) Accounts() []*entry { return p.of(sectionAccount) }

// Service reports whether the service itself was changed.
func (p *page) Service() bool { return len(p.of(sectionService)) > 0 }

func (p *page) of(section string) (all []*entry) {
	for _, e := range p.index.entries {
		if e.section == section {
			all = append(all, e)
		}
	}
	return all
}

// Name is how people know a section.
func (e *entry) Name() string {
	switch e.section {
	case sectionKey:
		return cmp.Or(e.Alias, splitPlace(e.about).id)
	case sectionAccount:
		return "Account " + e.about
	}
	return "The service"
}

// Place is where a key is.
func (e *entry) Place() string {
	p := splitPlace(e.about)
	return p.region + " / " + p.account
}

// KeyID is a key's id.
func (e *entry) KeyID() string { return splitPlace(e.about).id }

// Section is the section's kind, for the template.
func (e *entry) Section() string {
	return map[string]string{sectionKey: "key", sectionAccount: "account", sectionService: "service"}[e.section]
}

// Known reports whether the service has the key.
func (e *entry) Known() bool { return e.known }

// sectionID is a section's name in the page.
func sectionID(e *entry) string { return "s" + e.section + "-" + strings.ReplaceAll(e.about, "/", "-") }

func (p *page) begin(e *entry) error {
	if err := p.turn(e); err != nil {
		return err
	}
	p.section = section{entry: e, Head: p.head, ID: sectionID(e), Begins: e.section != p.last}
	p.last = e.section
	return nil
}

func (p *page) key(k *Key) { p.section.Key = k }

func (p *page) change(c *Change) {
	if len(p.section.Changes) == maxShownChanges {
		p.section.MoreChanges++
		return
	}
	p.section.Changes = append(p.section.Changes, *c)
}

func (p *page) use(u *Use) {
	if len(p.section.Uses) == maxShownUses {
		p.section.MoreUses++
		p.section.MoreUseCalls += u.Calls
		return
	}
	p.section.Uses = append(p.section.Uses, *u)
}

func (p *page) end() error { return p.made.ExecuteTemplate(visible{p.out()}, "section", &p.section) }

func (p *page) finish(limits []string) error {
	if err := p.turn(nil); err != nil {
		return err
	}
	err := p.made.ExecuteTemplate(visible{p.w}, "foot", struct {
		Limits []string
		Files  []File
	}{limits, p.parts.done})
	if err != nil {
		return err
	}
	return p.w.Flush()
}

// moment is a time for people.
func moment(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") }

// kindName is a kind of uses for people.
func kindName(kind string) string {
	switch kind {
	case KindUse:
		return "used"
	case KindRefused:
		return "refused or failed"
	case KindAttempt:
		return "attempted change"
	}
	return "looked at"
}

// number is a number with its thousands apart.
func number(v any) string {
	text := fmt.Sprint(v)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}

// shortOperations are actions without their vendor.
func shortOperations(actions []string) string {
	short := slices.Clone(actions)
	for i := range short {
		short[i] = strings.TrimPrefix(short[i], "kms:")
	}
	return strings.Join(short, ", ")
}

// indented is a JSON document for reading; any other text is as it is.
func indented(text string) string {
	var b bytes.Buffer
	if json.Indent(&b, []byte(text), "", "  ") != nil {
		return text
	}
	return b.String()
}

// parameter is a part of what a change was asked for.
type parameter struct {
	Name, Value string
	Document    bool
}

// parameters are what a change was asked for, and what it answered.
func parameters(record string) (all []parameter) {
	var e struct {
		RequestParameters   map[string]json.RawMessage `json:"requestParameters"`
		ResponseElements    map[string]json.RawMessage `json:"responseElements"`
		AdditionalEventData map[string]json.RawMessage `json:"additionalEventData"`
		ServiceEventDetails map[string]json.RawMessage `json:"serviceEventDetails"`
	}
	if json.Unmarshal([]byte(record), &e) != nil {
		return nil
	}
	for i, values := range [...]map[string]json.RawMessage{e.RequestParameters, e.ServiceEventDetails, e.ResponseElements, e.AdditionalEventData} {
		var part []parameter
		for name, raw := range values {
			// What an answer repeats, or shows of the whole thing, is in the JSON.
			_, asked := e.RequestParameters[name]
			if i > 1 && (asked || raw[0] == '{' || raw[0] == '[') || name == "listenerId" || name == "keyMaterialId" {
				continue
			}
			part = append(part, shown(name, raw))
		}
		slices.SortFunc(part, func(a, b parameter) int {
			if a.Document != b.Document {
				return map[bool]int{false: -1, true: 1}[a.Document]
			}
			return strings.Compare(a.Name, b.Name)
		})
		all = append(all, part...)
	}
	return all
}

// shown is a member for reading: text without quotation marks, a document as one.
func shown(name string, raw json.RawMessage) parameter {
	p := parameter{Name: name, Value: string(raw)}
	var v any
	if json.Unmarshal(raw, &v) != nil {
		return p
	}
	text, is := v.(string)
	if is {
		p.Value = text
	} else {
		var b bytes.Buffer
		e := json.NewEncoder(&b)
		e.SetEscapeHTML(false)
		if e.Encode(v) == nil {
			p.Value = strings.TrimSpace(b.String())
		}
	}
	p.Document = is && strings.HasPrefix(strings.TrimSpace(text), "{") && json.Valid([]byte(text))
	return p
}

// origin is where a call came from.
func origin(record string) string {
	var e struct {
		SourceIPAddress string `json:"sourceIPAddress"`
		UserAgent       string `json:"userAgent"`
	}
	if json.Unmarshal([]byte(record), &e) != nil {
		return ""
	}
	const most = 60 // of the user agent, in bytes
	agent := e.UserAgent
	if len(agent) > most {
		agent = strings.ToValidUTF8(agent[:most], "") + "…"
	}
	if agent == e.SourceIPAddress {
		return agent
	}
	return e.SourceIPAddress + ", " + agent
}
