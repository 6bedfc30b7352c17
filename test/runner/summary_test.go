package main

import (
	"strings"
	"testing"
)

func TestSummaryCountsAndNames(t *testing.T) {
	var s summary
	for _, e := range []event{
		{Action: "output", Package: "p", Test: "TestA", Output: "a_test.go:1: broken\n"},
		{Action: "fail", Package: "p", Test: "TestA"},
		{Action: "output", Package: "p", Test: "TestB", Output: "=== RUN TestB\n"},
		{Action: "output", Package: "p", Test: "TestB", Output: "    b_test.go:2: no aws here\n"},
		{Action: "skip", Package: "p", Test: "TestB"},
		{Action: "pass", Package: "p", Test: "TestC"},
		{Action: "skip", Package: "p", Test: "FuzzD/0123"},
		{Action: "fail", Package: "p"},
		{Action: "build-output", ImportPath: "q", Output: "q.go:3: undefined: x\n"},
		{Action: "build-fail", ImportPath: "q"},
		{Action: "fail", Package: "q", FailedBuild: "q"},
	} {
		s.add(e)
	}
	var out strings.Builder
	s.print(&out, 0)
	for _, want := range []string{
		"4 tests in 2 packages, 0 s: 2 failed, 1 skipped",
		"--- FAILED: p TestA\na_test.go:1: broken\n",
		"--- FAILED: q does not build\nq.go:3: undefined: x\n",
		"skipped: p TestB: b_test.go:2: no aws here",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the summary lacks %q:\n%s", want, out.String())
		}
	}
}

func TestSkippedFailsOnlyWhenStrict(t *testing.T) {
	var s summary
	s.add(event{Action: "skip", Package: "p", Test: "TestB"})
	if !s.ok(false) || s.ok(true) {
		t.Errorf("ok(false) = %v, ok(true) = %v; want true, false", s.ok(false), s.ok(true))
	}
}

func TestPackageFailureWithoutATestIsNamed(t *testing.T) {
	var s summary
	s.add(event{Action: "output", Package: "p", Output: "panic: in TestMain\n"})
	s.add(event{Action: "fail", Package: "p"})
	if len(s.failed) != 1 || s.failed[0] != (result{"p", "panic: in TestMain\n"}) {
		t.Errorf("failed = %v", s.failed)
	}
}
