package export

import (
	"strings"

	"trent/internal/awsjson"
)

// kmsSource is the eventSource of KMS's records; events of others are none.
const kmsSource = "kms.amazonaws.com"

// viaCloudTrail is the detail-type of an event that is a record, of an operation.
const viaCloudTrail = "AWS API Call via CloudTrail"

// detailTypes are the records that become EventBridge events: what KMS does by
// itself as AWS's KMS tells it, and the replication of keys, for which AWS has no
// event but the record. Source: the AWS KMS Developer Guide, "Monitor KMS keys with
// Amazon EventBridge".
var detailTypes = [...]struct {
	name, detailType string
	members          []member // of the detail; none: it is the record
}{
	{"RotateKey", "KMS CMK Rotation", []member{
		{"keyOrigin", "key-origin"}, {"rotationType", "rotation-type"}, {"previousKeyMaterialId", "previous-key-material-id"}, {"currentKeyMaterialId", "current-key-material-id"}}},
	{"DeleteExpiredKeyMaterial", "KMS Imported Key Material Expiration", []member{{"keyMaterialId", "key-material-id"}}},
	{"DeleteKey", "KMS CMK Deletion", []member{}},
	{"ReplicateKey", viaCloudTrail, nil},
	{"UpdatePrimaryRegion", viaCloudTrail, nil},
	{"SynchronizeMultiRegionKey", viaCloudTrail, nil},
}

// member is one of a record's serviceEventDetails, as the event's detail names it.
type member struct{ record, event string }

// told is what of a record an event tells.
type told struct {
	source, name, id, time, region, account, code string
	arn                                           string // of the first resource
	details                                       map[string]string
}

func tell(record []byte) (t told, ok bool) {
	s := awsjson.NewScanner(record)
	var o awsjson.Object
	for s.Member(&o) {
		switch string(o.Name()) {
		case "eventSource":
			t.source = s.String()
		case "eventName":
			t.name = s.String()
		case "eventID":
			t.id = s.String()
		case "eventTime":
			t.time = s.String()
		case "awsRegion":
			t.region = s.String()
		case "recipientAccountId":
			t.account = s.String()
		case "errorCode":
			t.code = s.String()
		case "resources":
			t.arn = firstARN(&s)
		case "serviceEventDetails":
			t.details = texts(&s)
		default:
			s.Skip()
		}
	}
	return t, s.End() == nil
}

// firstARN reads a record's resources.
func firstARN(s *awsjson.Scanner) (arn string) {
	var a awsjson.Array
	for s.Element(&a) {
		var o awsjson.Object
		for s.Member(&o) {
			if string(o.Name()) != "ARN" || arn != "" {
				s.Skip()
				continue
			}
			arn = s.String()
		}
	}
	return arn
}

// texts reads the members of an object that are strings.
func texts(s *awsjson.Scanner) map[string]string {
	all := map[string]string{}
	if s.Peek() != '{' {
		s.Skip() // null
		return all
	}
	var o awsjson.Object
	for s.Member(&o) {
		if s.Peek() != '"' {
			s.Skip()
			continue
		}
		name := string(o.Name())
		all[name] = s.String()
	}
	return all
}

// eventOf is the EventBridge event of a record; nil if it has none. Its id is the
// record's: one that comes again is the same.
func eventOf(record []byte) []byte {
	t, ok := tell(record)
	if !ok || t.source != kmsSource || t.code != "" {
		return nil
	}
	for i := range detailTypes {
		if d := &detailTypes[i]; d.name == t.name {
			return t.event(d.detailType, d.members, record)
		}
	}
	return nil
}

func (t *told) event(detailType string, members []member, record []byte) []byte {
	b := awsjson.AppendString([]byte(`{"version":"0","id":`), t.id)
	b = awsjson.AppendString(append(b, `,"detail-type":`...), detailType)
	b = awsjson.AppendString(append(b, `,"source":"aws.kms","account":`...), t.account)
	b = awsjson.AppendString(append(b, `,"time":`...), t.time)
	b = awsjson.AppendString(append(b, `,"region":`...), t.region)
	if members == nil {
		return append(append(append(b, `,"resources":[],"detail":`...), record...), '}')
	}
	b = awsjson.AppendString(append(b, `,"resources":[`...), t.arn)
	b = awsjson.AppendString(append(b, `],"detail":{"key-id":`...), t.arn[strings.LastIndexByte(t.arn, '/')+1:])
	for _, m := range members {
		b = awsjson.AppendString(append(append(append(b, ',', '"'), m.event...), `":`...), t.details[m.record])
	}
	return append(b, "}}"...)
}

// passedBytes is how much of the trail an export of events passes before its
// cursor's file follows: so much is read again after a crash.
const passedBytes = 1 << 20

// pass goes on behind records that have no event.
func (x *Exporter) pass(b *batch) (more bool, err error) {
	if b.bytes == 0 && len(b.gaps) == 0 {
		return false, nil
	}
	x.c.at, x.c.until = b.to, 0
	if x.passed += b.bytes; x.passed < passedBytes && len(b.gaps) == 0 {
		return true, nil
	}
	x.passed = 0
	return true, x.writeCursor()
}
