package main

import (
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"trent/internal/admin"
)

// screen makes a picture of what a server does: lines of text, none of them longer
// than the terminal is wide.
type screen struct {
	top           *admin.Top // nil: not there yet
	width, height int        // in characters; a height of 0 is none
	limit         int        // rows of a table; 0: what fits
	colour        bool
	keys          bool // there is a keyboard

	all []string
}

// Colours, as ECMA-48 has them.
const (
	bold = "1"
	red  = "1;31"
)

// lines are the picture.
func (s *screen) lines() []string {
	if s.top == nil {
		s.add(bold, "trent top: looking on …")
		return s.all
	}
	s.summary()
	t := s.top
	tables := []struct {
		head string
		rows int
		row  func(i int)
	}{
		{s.columns("OPERATION", "CALLS/S", "ERRORS", "P50", "P99", "MAX"), len(t.Operations), s.operation},
		{s.columns("KEY", "CALLS/S", "SHARE"), len(t.Keys), func(i int) { s.busy(&t.Keys[i], "arn:aws:kms:") }},
		{s.columns("PRINCIPAL", "CALLS/S", "SHARE"), len(t.Principals), func(i int) { s.busy(&t.Principals[i], "arn:aws:") }},
		{s.columns("ERROR", "CALLS/S", "SHARE"), len(t.Errors), func(i int) { s.busy(&t.Errors[i], "") }},
	}
	wanted := make([]int, len(tables))
	for i := range tables {
		wanted[i] = tables[i].rows
	}
	for i, rows := range s.share(wanted) {
		if rows == 0 {
			continue
		}
		s.add("", "")
		s.add(bold, tables[i].head)
		for row := range rows {
			tables[i].row(row)
		}
	}
	return s.all
}

// share divides what is left of the height among tables that want so many rows,
// with two lines each beside them: what one does not need, the others have.
func (s *screen) share(wanted []int) []int {
	got := make([]int, len(wanted))
	left := s.height - len(s.all)
	if s.height == 0 {
		left = len(wanted) * (admin.MaxTop + 2)
	}
	for {
		given := false
		for i := range wanted {
			cost := 1
			if got[i] == 0 {
				cost = 3
			}
			if got[i] < wanted[i] && (s.limit == 0 || got[i] < s.limit) && cost <= left {
				got[i]++
				left -= cost
				given = true
			}
		}
		if !given {
			return got
		}
	}
}

// summary is what stands above the tables.
func (s *screen) summary() {
	t := s.top
	style := bold
	if t.State != "ready" {
		style = red
	}
	end := ""
	if s.keys {
		end = "   q ends"
	}
	s.add(style, fmt.Sprintf("trent top: %s   %s%s", t.State, t.Time.UTC().Format("2006-01-02 15:04:05 UTC"), end))
	style = ""
	if t.All.Failed*20 > t.All.Calls {
		style = red
	}
	s.add(style, fmt.Sprintf("requests   %s/s   errors %s   p50 %s   p99 %s   max %s",
		s.rate(t.All.Calls), part(t.All.Failed, t.All.Calls), micros(t.All.P50), micros(t.All.P99), micros(t.All.Max)))
	style = ""
	if t.Module.State != "ready" {
		style = red
	}
	s.add(style, fmt.Sprintf("in flight  %d   connections %d   module %s, fast lane %d, slow lane %d",
		t.InFlight, t.Connections, t.Module.State, t.Module.Fast, t.Module.Slow))
	a := &t.Audit
	s.add("", fmt.Sprintf("audit      %s/s   record %s   queued %s   outbox %s",
		s.rate(a.Records), thousands(a.Sequence), thousands(uint64(max(a.Queued, 0))), thousands(uint64(max(a.Outbox, 0)))))
	digest := "none yet"
	if a.DigestSeconds != nil {
		digest = fmt.Sprintf("%v ago   not signed %s", time.Duration(*a.DigestSeconds)*time.Second, thousands(a.Unsigned))
	}
	s.add("", "digest     "+digest)
	if a.Error != "" {
		s.add(red, "audit      no record can be written: "+a.Error)
	}
}

// columns are a name and numbers at the right.
func (s *screen) columns(name string, numbers ...string) string {
	const each = 10
	line := ""
	for _, n := range numbers {
		line += fmt.Sprintf("%*s", each, n)
	}
	room := s.width - utf8.RuneCountInString(line)
	for ; room < 12 && len(line) > each; room += each { // a narrow terminal loses the last ones
		line = line[:len(line)-each]
	}
	return fit(name, max(room, 0)) + line
}

func (s *screen) operation(i int) {
	o := &s.top.Operations[i]
	style := ""
	if o.Failed*20 > o.Calls {
		style = red
	}
	s.add(style, s.columns(o.Operation, s.rate(o.Calls), part(o.Failed, o.Calls), micros(o.P50), micros(o.P99), micros(o.Max)))
}

// busy is a row of something that was counted; of its name a known beginning is left
// out.
func (s *screen) busy(c *admin.TopCount, known string) {
	s.add("", s.columns(strings.TrimPrefix(c.Name, known), s.rate(c.Calls), part(c.Calls, s.top.All.Calls)))
}

// add adds a line, cut at the terminal's width.
func (s *screen) add(style, line string) {
	line = clean(line)
	if utf8.RuneCountInString(line) > s.width {
		line = string([]rune(line)[:max(s.width, 0)])
	}
	line = strings.TrimRight(line, " ")
	if style != "" && s.colour && line != "" {
		line = "\x1b[" + style + "m" + line + "\x1b[0m"
	}
	if s.height == 0 || len(s.all) < s.height {
		s.all = append(s.all, line)
	}
}

// fit is a text of so many characters; of one that is too long the middle is left
// out, as both ends tell names apart.
func fit(text string, width int) string {
	runes := []rune(clean(text))
	if n := len(runes); n > width-1 && width > 3 {
		left := (width - 2) / 2
		runes = append(append(runes[:left:left], '…'), runes[n-(width-2-left):]...)
	} else if n > width {
		runes = runes[:width]
	}
	return string(runes) + strings.Repeat(" ", max(width-len(runes), 0))
}

// rate is how many there were a second.
func (s *screen) rate(n uint64) string {
	perSecond := float64(n) * 1000 / float64(max(s.top.Milliseconds, 1))
	if perSecond < 10 && perSecond != float64(int(perSecond)) {
		return fmt.Sprintf("%.1f", perSecond)
	}
	return thousands(uint64(perSecond + 0.5))
}

// thousands is a number with its thousands apart.
func thousands(n uint64) string {
	text := fmt.Sprint(n)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}

// part is n of all, in percent.
func part(n, all uint64) string {
	switch share := float64(n) * 100 / float64(max(all, 1)); {
	case n == 0:
		return "0%"
	case share < 0.1:
		return "<0.1%"
	case share < 10:
		return fmt.Sprintf("%.1f%%", share)
	default:
		return fmt.Sprintf("%.0f%%", share)
	}
}

// micros is a time in microseconds, for people.
func micros(n int64) string {
	switch ms := float64(n) / 1000; {
	case n == 0:
		return "-"
	case ms < 10:
		return fmt.Sprintf("%.2f ms", ms)
	case ms < 1000:
		return fmt.Sprintf("%.0f ms", ms)
	default:
		return fmt.Sprintf("%.1f s", ms/1000)
	}
}
