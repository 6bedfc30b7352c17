package evidence_test

import (
	"strings"
	"testing"

	"trent/internal/admin"
	"trent/internal/audit"
	"trent/internal/evidence"
	"trent/internal/evidence/replay"
	"trent/internal/explain"
)

const iamSource = "iam.amazonaws.com"

// lived is a trail of a key that was made before the period, and whose account let Ann
// decrypt from 09:00 to 12:00.
func lived(t *testing.T, between ...audit.Event) *world {
	w := newWorld(t)
	w.now = at(6, 0)
	by := user("admin")
	w.record(audit.Event{UserIdentity: by, Name: "CreateKey", Resources: onKey(keyARN), RequestParameters: []byte(`{"description":""}`),
		ResponseElements: []byte(`{"keyMetadata":{"keySpec":"SYMMETRIC_DEFAULT","keyUsage":"ENCRYPT_DECRYPT","origin":"AWS_KMS","keyState":"Enabled"}}`)})
	w.record(audit.Event{UserIdentity: by, Source: iamSource, Name: "CreateUser", RequestParameters: []byte(`{"userName":"Ann"}`), ResponseElements: []byte(`{"user":{"userId":"AIDAX"}}`)})
	w.now = at(9, 0)
	w.record(audit.Event{UserIdentity: by, Source: iamSource, Name: "PutUserPolicy",
		RequestParameters: []byte(`{"userName":"Ann","policyName":"may","policyDocument":"{\"Version\":\"2012-10-17\",\"Statement\":{\"Sid\":\"D\",\"Effect\":\"Allow\",\"Action\":\"kms:Decrypt\",\"Resource\":\"*\"}}"}`)})
	w.now = at(10, 0)
	for _, e := range between {
		e.UserIdentity = by
		w.record(e)
	}
	w.now = at(12, 0)
	w.record(audit.Event{UserIdentity: by, Source: iamSource, Name: "DeleteUserPolicy", RequestParameters: []byte(`{"userName":"Ann","policyName":"may"}`)})
	w.digest()
	return w
}

// rootOnly is the key as the service has it: only the account's root can use it.
func rootOnly(t *testing.T) *admin.EvidenceKey {
	t.Helper()
	m, _ := lived(t).report(evidence.Period{From: at(12, 0), To: at(16, 0)})
	k := payroll()
	k.State = "Enabled"
	last := m.Keys[0].Timeline.Intervals
	for _, v := range last {
		k.Holders = append(k.Holders, v.Holders...)
	}
	k.Holders = k.Holders[:1]
	if k.Holders[0].Type != explain.TypeRoot {
		t.Fatalf("%+v", last)
	}
	return k
}

func timelineOf(t *testing.T, w *world, keys ...*admin.EvidenceKey) (replay.Timeline, string) {
	t.Helper()
	m, page := w.report(day(), keys...)
	if len(m.Keys) != 1 {
		t.Fatalf("%d keys", len(m.Keys))
	}
	return m.Keys[0].Timeline, page
}

func TestMoments(t *testing.T) {
	t.Parallel()
	for name, keys := range map[string][]*admin.EvidenceKey{"asked": {rootOnly(t)}, "not asked": nil} {
		line, page := timelineOf(t, lived(t), keys...)
		v := line.Intervals
		if !line.Complete || line.Compared != (keys != nil) || line.Why != "" || len(v) != 3 {
			t.Fatalf("%s: %+v", name, line)
		}
		if !v[0].From.Equal(at(8, 0)) || !v[0].To.Equal(at(9, 0)) || !v[1].To.Equal(at(12, 0)) || !v[2].To.Equal(at(16, 0)) || v[0].AsNow != (keys != nil) || v[2].AsNow != (keys != nil) {
			t.Errorf("%s: %+v", name, v)
		}
		ann := "arn:aws:iam::" + account + ":user/Ann"
		if len(v[1].Gained) != 1 || v[1].Gained[0].Principal != ann || v[1].Gained[0].Access[0].Actions[0] != "kms:Decrypt" || v[1].By.Operation != "PutUserPolicy" || len(v[2].Lost) != 1 || v[2].Lost[0].Principal != ann {
			t.Errorf("%s: %+v", name, v)
		}
		if !strings.Contains(page, "Could from now on") || !strings.Contains(page, "may of user/Ann") {
			t.Errorf("%s: the page does not say it", name)
		}
	}
}

// TestLost: behind what the records do not say nothing is told, but what has not
// changed since.
func TestLost(t *testing.T) {
	t.Parallel()
	unknown := []audit.Field{{Name: "outcomeUnknown", Value: "true"}}
	for name, c := range map[string]struct {
		event audit.Event
		why   string
	}{
		"outcome":          {audit.Event{Name: "PutKeyPolicy", ErrorCode: "KMSInternalException", Additional: unknown, Resources: onKey(keyARN)}, "took effect is not known"},
		"outcome, of IAM":  {audit.Event{Source: iamSource, Name: "CreateUser", ErrorCode: "ServiceFailure", Additional: unknown}, "took effect is not known"},
		"long policy":      {audit.Event{Name: "PutKeyPolicy", RequestParameters: []byte(`{"omitted":true}`), Resources: onKey(keyARN)}, "does not have its parameters"},
		"another's user":   {audit.Event{Source: iamSource, Name: "TagUser", RequestParameters: []byte(`{"userName":"Bob","tags":[]}`)}, "is about what no record has made"},
		"unknown change":   {audit.Event{Name: "ShareKey", RequestParameters: []byte(`{}`), Resources: onKey(keyARN)}, "is not known to this report"},
		"restored":         {audit.Event{Source: "trent", Name: "RestoreBackup"}, "state was replaced"},
		"primary Region":   {audit.Event{Name: "UpdatePrimaryRegion", RequestParameters: []byte(`{}`), Resources: onKey(keyARN)}, "primary Region"},
		"nameless grant":   {audit.Event{Name: "RetireGrant", RequestParameters: []byte(`{}`), Resources: onKey(keyARN)}, "which grant"},
		"a broken policy":  {audit.Event{Name: "PutKeyPolicy", RequestParameters: []byte(`{"policy":"{"}`), Resources: onKey(keyARN)}, "cannot be read"},
		"grantee of none":  {audit.Event{Name: "CreateGrant", RequestParameters: []byte(`{"granteePrincipal":"x"}`), Resources: onKey(keyARN)}, "names nobody"},
		"a policy of none": {audit.Event{Name: "PutKeyPolicy", RequestParameters: []byte(`{}`), Resources: onKey(keyARN)}, "has no policy"},
	} {
		line, _ := timelineOf(t, lived(t, c.event), rootOnly(t))
		v := line.Intervals
		if line.Complete || line.Compared || !strings.Contains(line.Why, c.why) || len(v) != 3 {
			t.Errorf("%s: %+v", name, line)
			continue
		}
		if !v[1].To.Equal(at(10, 0)) || !v[2].From.Equal(at(12, 0)) || !v[2].AsNow || v[2].Follows {
			t.Errorf("%s: a gap from 10:00 to 12:00: %+v", name, v)
		}
	}
}

// TestContradiction: what does not lead to what the service says is not told.
func TestContradiction(t *testing.T) {
	t.Parallel()
	k := rootOnly(t)
	k.Holders = append(k.Holders, explain.Holder{Principal: "arn:aws:iam::" + account + ":user/Eve", Type: explain.TypeUser, Access: []explain.Access{{Actions: []string{"kms:Decrypt"}}}})
	line, page := timelineOf(t, lived(t), k)
	if line.Complete || line.Compared || len(line.Intervals) != 1 || !line.Intervals[0].From.Equal(at(12, 0)) || !line.Intervals[0].AsNow || !strings.Contains(page, "Not reconstructible") {
		t.Errorf("%+v", line)
	}
}

// TestNoBeginning: without the record of its making nothing is told of a key, but from
// its last change on; of a damaged trail not even that.
func TestNoBeginning(t *testing.T) {
	t.Parallel()
	w := usual(t)
	line, _ := timelineOf(t, w, payroll())
	if line.Complete || !strings.Contains(line.Why, "no record of its making") || len(line.Intervals) != 0 {
		t.Errorf("changed at 17:00: %+v", line)
	}
	w = lived(t)
	damage(t, w)
	if line, _ = timelineOf(t, w, rootOnly(t)); line.Complete || line.Compared || len(line.Intervals) != 0 {
		t.Errorf("of a damaged trail: %+v", line)
	}
}
