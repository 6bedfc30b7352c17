package main

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// An event is one line of go test -json.
type event struct {
	Action      string
	Package     string
	ImportPath  string // of build events, which have no Package
	Test        string
	Output      string
	Elapsed     float64 // seconds
	FailedBuild string
}

// A result is one failed or skipped test, or one package that has no test to
// blame.
type result struct{ name, output string }

// A summary gathers events until print.
type summary struct {
	outputs  map[string]*strings.Builder
	failed   []result
	skipped  []result
	tests    int
	packages []timed
}

type timed struct {
	name    string
	seconds float64
}

// slowest is how many packages the summary names by their time.
const slowest = 5

func (s *summary) add(e event) {
	name := e.Package
	if name == "" {
		name = e.ImportPath
	}
	if e.Test != "" {
		name += " " + e.Test
	}
	switch e.Action {
	case "output", "build-output":
		s.output(name).WriteString(e.Output)
	case "build-fail":
		s.failed = append(s.failed, result{name + " does not build", s.take(name)})
	case "pass", "fail", "skip":
		output := s.take(name)
		switch {
		case e.Test != "":
			s.tests++
		case e.Action != "skip": // a package without tests is neither
			s.packages = append(s.packages, timed{e.Package, e.Elapsed})
			fmt.Printf("%-5s %7.1fs %s\n", e.Action, e.Elapsed, e.Package)
		}
		switch {
		case e.Action == "fail" && e.FailedBuild == "" && (e.Test != "" || !s.blamed(e.Package)):
			s.failed = append(s.failed, result{name, output})
		case e.Action == "skip" && e.Test != "" && !strings.HasPrefix(e.Test, "Fuzz"):
			// A fuzz target skips inputs that it has no use for; it has run.
			s.skipped = append(s.skipped, result{name, output})
		}
	}
}

func (s *summary) output(name string) *strings.Builder {
	if s.outputs == nil {
		s.outputs = map[string]*strings.Builder{}
	}
	if s.outputs[name] == nil {
		s.outputs[name] = new(strings.Builder)
	}
	return s.outputs[name]
}

// take returns what a test or package wrote and forgets it.
func (s *summary) take(name string) string {
	output := s.output(name).String()
	delete(s.outputs, name)
	return output
}

// blamed reports whether a test of the package has failed already.
func (s *summary) blamed(pkg string) bool {
	return slices.ContainsFunc(s.failed, func(r result) bool { return strings.HasPrefix(r.name, pkg+" ") })
}

// ok reports success; strict counts a skipped test as a failure.
func (s *summary) ok(strict bool) bool {
	return len(s.failed) == 0 && !(strict && len(s.skipped) > 0)
}

func (s *summary) print(w io.Writer, took time.Duration) {
	for _, r := range s.failed {
		fmt.Fprintf(w, "\n--- FAILED: %s\n%s", r.name, r.output)
	}
	fmt.Fprintf(w, "\n%d tests in %d packages, %.0f s: %d failed, %d skipped\n",
		s.tests, len(s.packages), took.Seconds(), len(s.failed), len(s.skipped))
	for _, r := range s.failed {
		fmt.Fprintf(w, "  failed:  %s\n", r.name)
	}
	for _, r := range s.skipped {
		fmt.Fprintf(w, "  skipped: %s: %s\n", r.name, reason(r.output))
	}
	slices.SortFunc(s.packages, func(a, b timed) int { return cmp.Compare(b.seconds, a.seconds) })
	for _, p := range s.packages[:min(slowest, len(s.packages))] {
		fmt.Fprintf(w, "  %6.1f s %s\n", p.seconds, p.name)
	}
}

// reason is the line of a skipped test that says why.
func reason(output string) string {
	for line := range strings.Lines(output) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "===") && !strings.HasPrefix(line, "---") {
			return line
		}
	}
	return "no reason given"
}
