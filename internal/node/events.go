package node

import (
	"context"

	"trent/internal/audit"
	"trent/internal/awsjson"
	"trent/internal/domains"
	"trent/internal/identity"
	"trent/internal/record"
	"trent/internal/store"
)

// What the service does by itself, as records have it.
const (
	eventStartModule = "StartModule" // the crypto module was restarted, or reached again
)

// serviceEvent is a record of what the service does by itself, in a Region or, if
// that is record.Global, in none.
func (n *Node) serviceEvent(name, region string, details []byte) audit.Event {
	const internal = "AWS Internal"
	return audit.Event{
		UserIdentity: audit.UserIdentity{InvokedBy: internal}, Time: n.Now(), Source: identity.EventSource, Name: name, Region: region,
		SourceIP: internal, UserAgent: internal, ServiceEventDetails: details, EventID: n.events.New(), Type: audit.TypeServiceEvent,
	}
}

// domainChanged is the write of the record of a change of a Region's domain. What
// init and trent dev make has none: there is no trail before it.
func (n *Node) domainChanged(name, region string) ([]store.Op, error) {
	global := n.Domains.Held(domains.Global)
	if global == nil || name == domains.EventCreate && (n.Dev || n.Init) {
		return nil, nil
	}
	e := n.serviceEvent(name, region, append(awsjson.AppendString([]byte(`{"region":`), region), '}'))
	op, err := audit.OutboxOp(global.Records, record.Global, e.EventID, e.AppendJSON(nil))
	return []store.Op{op}, err
}

// moduleStarted records that the crypto module is there again. The first time of a
// start of the service is a part of that.
func (n *Node) moduleStarted(ctx context.Context) {
	if !n.opened.Load() {
		return
	}
	e := n.serviceEvent(eventStartModule, record.Global, nil)
	if err := n.trail.Append(ctx, e.AppendJSON(nil)); err != nil {
		n.Log.Error("the crypto module's start has no audit record", "error", err)
	}
}
