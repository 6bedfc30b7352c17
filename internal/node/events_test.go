package node_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"

	"trent/internal/admin"
	"trent/internal/audit"
	"trent/internal/hsm/server/servertest"
	"trent/internal/node"
)

// serviceEvents are the names and Regions of the records of what a node has done by
// itself, as far as this test is about them.
func (f *fixture) serviceEvents(t *testing.T) (all []string) {
	t.Helper()
	f.close(t)
	for r, err := range audit.Records(f.dir + "/audit") {
		if err != nil {
			t.Fatal(err)
		}
		var e struct{ EventName, EventType, EventSource, AwsRegion string }
		if err := json.Unmarshal(r.JSON, &e); err != nil {
			t.Fatal(err)
		}
		if e.EventType == "AwsServiceEvent" && e.EventSource == "trent" && e.EventName != "CreateAuditKey" {
			all = append(all, fmt.Sprint(e.EventName, " ", e.AwsRegion))
		}
	}
	return all
}

// TestServiceEvents: domain keys that change, Regions that are added, and a crypto
// module that was restarted are in the trail, once each.
func TestServiceEvents(t *testing.T) {
	t.Parallel()
	regions := []string{"eu-west-1"}
	first := true
	f := newFixtureWith(t, servertest.ProductionArgs(t), func(c *node.Config) {
		c.Dev, c.Regions, c.Init, c.AddRegions = false, regions, first, !first
		first = false
	})
	if err := f.Domains.Rotate(t.Context(), "eu-west-1"); err != nil {
		t.Fatal(err)
	}
	if _, err := f.RestartModule(t.Context(), admin.Operator{Name: "test"}); err != nil {
		t.Fatal(err)
	}
	f.close(t)
	regions = append(regions, "eu-north-1")
	f.open(t)
	got := f.serviceEvents(t)
	slices.Sort(got)
	if want := []string{"CreateDomain eu-north-1", "RotateDomainKey eu-west-1", "StartModule global"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}
