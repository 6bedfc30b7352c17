package node_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"trent/internal/admin"
	"trent/internal/evidence"
	"trent/internal/evidence/replay"
	"trent/internal/explain"
)

// The two accounts of the test, and what is changed in them.
const (
	momentsHere  = "111122223333"
	momentsThere = "444455556666"
)

// moment is who could use a key at a time, as the service said at that time.
type moment struct {
	at      time.Time
	what    string
	holders map[string]map[string]string // by key
}

// TestReplayIsWhatTheServiceSaid: of random changes of policies, principals and grants
// the evidence report tells afterwards, for every moment between two of them, what
// `trent policy who` told then.
func TestReplayIsWhatTheServiceSaid(t *testing.T) {
	t.Parallel()
	for seed := range uint64(8) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			m := mover{f: f, T: t, r: rand.New(rand.NewPCG(seed, 6)), here: f.caller(momentsHere), there: f.caller(momentsThere)}
			m.begin()
			var seen []moment
			for range 90 {
				m.tick()
				at := m.second()
				what := m.move()
				// One that falls on two seconds has a record of either.
				if at.Equal(m.second()) {
					seen = append(seen, moment{at, what, m.who()})
				}
			}
			m.compare(seen[len(seen)/3:])
		})
	}
}

// mover makes random changes.
type mover struct {
	*testing.T
	f           *fixture
	r           *rand.Rand
	here, there caller
	keys        []string // ARNs
	grants      []string // key id and grant id
}

// second is the time that a record of now has.
func (m *mover) second() time.Time { return m.f.now().UTC().Truncate(time.Second) }

// tick goes on to a second that no record has yet.
func (m *mover) tick() {
	now := m.f.now()
	m.f.ahead.Add(int64(now.Truncate(time.Second).Add(time.Second + 10*time.Millisecond).Sub(now)))
}

func (m *mover) begin() {
	m.there.ask(m.T, "iam:CreateUser", "UserName", "Guest")
	m.here.ask(m.T, "iam:CreateUser", "UserName", "Ann")
	m.here.ask(m.T, "iam:CreateUser", "UserName", "bob")
	m.here.ask(m.T, "iam:CreateGroup", "GroupName", "Ops")
	m.here.ask(m.T, "iam:CreateRole", "RoleName", "Teller", "AssumeRolePolicyDocument", momentsTrust)
	m.here.ask(m.T, "iam:CreatePolicy", "PolicyName", "Read", "PolicyDocument", `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"kms:D*","Resource":"*"}}`)
	for range 2 {
		m.tick()
		m.keys = append(m.keys, "arn:aws:kms:eu-west-1:"+momentsHere+":key/"+m.here.createKey(m.T))
	}
}

func pick[T any](m *mover, of ...T) T { return of[m.r.IntN(len(of))] }

// statement is a random statement.
func (m *mover) statement(principal bool) string {
	effect := pick(m, "Allow", "Allow", "Allow", "Deny")
	action := pick(m, `"kms:*"`, `"kms:Decrypt"`, `["kms:Encrypt","kms:CreateGrant"]`, `"s3:GetObject"`, `"kms:Describe*"`)
	resource := pick(m, `"*"`, `"*"`, `"`+m.keys[0]+`"`, `"arn:aws:kms:*:*:alias/a*"`)
	text := fmt.Sprintf(`{"Sid":"S%d","Effect":"%s","Action":%s,"Resource":%s`, m.r.IntN(1000), effect, action, resource)
	if principal {
		who := pick(m, `"*"`, `{"AWS":"`+momentsHere+`"}`, `{"AWS":"`+momentsThere+`"}`, `{"AWS":"`+m.arn(momentsHere)+`"}`, `{"AWS":["`+m.arn(momentsThere)+`","`+momentsHere+`"]}`,
			`{"AWS":"arn:aws:sts::`+momentsHere+`:assumed-role/Teller/tom"}`)
		text = strings.Replace(text, `"Resource":`+resource, `"Resource":"*","Principal":`+who, 1)
	}
	text += pick(m, "", "", `,"Condition":{"StringEquals":{"kms:EncryptionContext:team":"pay"}}`, `,"Condition":{"StringEquals":{"aws:PrincipalTag/team":"pay"}}`,
		`,"Condition":{"StringEquals":{"aws:ResourceTag/team":"pay"}}`, `,"Condition":{"ForAnyValue:StringLike":{"kms:ResourceAliases":"alias/a*"}}`)
	return text + "}"
}

// document is a random policy; a key policy's leaves the account in.
func (m *mover) document(key bool) string {
	all := []string{}
	if key {
		all = append(all, `{"Sid":"root","Effect":"Allow","Principal":{"AWS":"arn:aws:iam::`+momentsHere+`:root"},"Action":["kms:PutKeyPolicy","kms:*"],"Resource":"*"}`)
		if m.r.IntN(3) == 0 {
			all[0] = `{"Sid":"root","Effect":"Allow","Principal":{"AWS":"arn:aws:iam::` + momentsHere + `:root"},"Action":"kms:*","Resource":"*","Condition":{"StringLike":{"aws:PrincipalArn":"*:root"}}}`
		}
	}
	for range 1 + m.r.IntN(2) {
		s := m.statement(key)
		if key && strings.Contains(s, `"Deny"`) {
			s = strings.Replace(s, `"kms:*"`, `"kms:Encrypt"`, 1)
		}
		all = append(all, s)
	}
	return `{"Version":"2012-10-17","Statement":[` + strings.Join(all, ",") + `]}`
}

func (m *mover) arn(account string) string {
	if account == momentsThere {
		return "arn:aws:iam::" + momentsThere + ":user/Guest"
	}
	return "arn:aws:iam::" + account + ":" + pick(m, "user/Ann", "user/Bob", "user/staff/Eve", "role/Teller")
}

const momentsTrust = `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"AWS":"` + momentsHere + `"},"Action":"sts:AssumeRole"}}`

// move tries one change, which may fail, and says which.
func (m *mover) move() string {
	c, user, group := m.here, pick(m, "Ann", "bob", "Eve"), pick(m, "Ops", "Audit")
	kind := pick(m, "User", "Group", "Role")
	holder := map[string]string{"User": user, "Group": group, "Role": "Teller"}[kind]
	managed := "arn:aws:iam::" + momentsHere + ":policy/" + pick(m, "Read", "Write")
	key := pick(m, m.keys...)
	iam := func(action string, in ...string) string {
		got := c.form("iam:"+action, in...)
		return fmt.Sprint(action, in, got.status)
	}
	kms := func(op string, in object) string {
		got := c.call(op, in)
		if op == "CreateGrant" && got.status == 200 {
			m.grants = append(m.grants, key+" "+got.body["GrantId"].(string))
		}
		return fmt.Sprint(op, in, got.status)
	}
	switch m.r.IntN(24) {
	case 0, 1:
		path := "/"
		if user == "Eve" {
			path = "/staff/"
		}
		return iam("CreateUser", "UserName", user, "Path", path, "Tags.member.1.Key", "Team", "Tags.member.1.Value", pick(m, "pay", "tax"))
	case 2:
		return iam("DeleteUser", "UserName", user)
	case 3:
		return iam("CreateRole", "RoleName", "Teller", "AssumeRolePolicyDocument", momentsTrust)
	case 4:
		return iam("DeleteRole", "RoleName", "Teller")
	case 5:
		return iam("CreateGroup", "GroupName", group)
	case 6, 7:
		return iam(pick(m, "AddUserToGroup", "AddUserToGroup", "RemoveUserFromGroup"), "GroupName", group, "UserName", user)
	case 8, 9, 10:
		return iam("Put"+kind+"Policy", kind+"Name", holder, "PolicyName", pick(m, "one", "two"), "PolicyDocument", m.document(false))
	case 11:
		return iam("Delete"+kind+"Policy", kind+"Name", holder, "PolicyName", pick(m, "one", "two"))
	case 12:
		return iam("CreatePolicy", "PolicyName", pick(m, "Read", "Write"), "PolicyDocument", m.document(false))
	case 13:
		return iam("CreatePolicyVersion", "PolicyArn", managed, "PolicyDocument", m.document(false), "SetAsDefault", pick(m, "true", "false"))
	case 14:
		return iam(pick(m, "SetDefaultPolicyVersion", "DeletePolicyVersion"), "PolicyArn", managed, "VersionId", pick(m, "v1", "v2", "v3"))
	case 15, 16:
		return iam(pick(m, "Attach", "Attach", "Detach")+kind+"Policy", kind+"Name", holder, "PolicyArn", managed)
	case 17:
		kind := pick(m, "User", "Role")
		if m.r.IntN(3) == 0 {
			return iam("Delete"+kind+"PermissionsBoundary", kind+"Name", map[string]string{"User": user, "Role": "Teller"}[kind])
		}
		return iam("Put"+kind+"PermissionsBoundary", kind+"Name", map[string]string{"User": user, "Role": "Teller"}[kind], "PermissionsBoundary", managed)
	case 18:
		if m.r.IntN(2) == 0 {
			return iam("UntagUser", "UserName", user, "TagKeys.member.1", "TEAM")
		}
		return iam("TagUser", "UserName", user, "Tags.member.1.Key", "team", "Tags.member.1.Value", pick(m, "pay", "tax"))
	case 19:
		if m.r.IntN(2) == 0 {
			return kms("UntagResource", object{"KeyId": key, "TagKeys": []string{"team"}})
		}
		return kms("TagResource", object{"KeyId": key, "Tags": []object{{"TagKey": "team", "TagValue": pick(m, "pay", "tax")}}})
	case 20:
		return kms(pick(m, "CreateAlias", "UpdateAlias"), object{"AliasName": pick(m, "alias/a", "alias/b"), "TargetKeyId": key})
	case 21:
		if len(m.grants) > 0 && m.r.IntN(2) == 0 {
			of, id, _ := strings.Cut(pick(m, m.grants...), " ")
			return kms("RevokeGrant", object{"KeyId": of, "GrantId": id})
		}
		in := object{"KeyId": key, "GranteePrincipal": m.arn(pick(m, momentsHere, momentsThere)), "Operations": []string{"Decrypt", "CreateGrant"}}
		if m.r.IntN(2) == 0 {
			in["Constraints"] = object{"EncryptionContextSubset": object{"team": "pay"}}
		}
		return kms("CreateGrant", in)
	case 22:
		return kms(pick(m, "DisableKey", "EnableKey", "DeleteAlias"), object{"KeyId": key, "AliasName": "alias/a"})
	}
	return kms("PutKeyPolicy", object{"KeyId": key, "Policy": m.document(true)})
}

// who is what the service says of both keys.
func (m *mover) who() map[string]map[string]string {
	all := map[string]map[string]string{}
	for _, key := range m.keys {
		page, err := m.f.Who(m.Context(), admin.WhoQuery{KeyName: admin.KeyName{ID: key}})
		if err != nil {
			m.Fatal(err)
		}
		all[key] = byName(m.T, page.Holders)
	}
	return all
}

func byName(t *testing.T, holders []explain.Holder) map[string]string {
	all := map[string]string{}
	for _, h := range holders {
		b, err := json.Marshal(h.Access)
		if err != nil {
			t.Fatal(err)
		}
		all[h.Type+" "+h.Principal] += string(b)
	}
	return all
}

// compare makes the report of the period that begins with the first moment.
func (m *mover) compare(seen []moment) {
	m.Helper()
	made := m.second()
	c := evidence.NewCollector(m.TempDir(), evidence.Period{From: seen[0].at, To: made.Add(time.Hour)}, evidence.Scope{})
	defer c.Close()
	now := map[string][]explain.Holder{}
	err := m.f.EvidenceKeys(m.Context(), admin.Operator{}, admin.EvidenceQuery{}, func(k admin.EvidenceKey) error {
		now[k.ARN] = k.Holders
		c.Key(&k)
		return nil
	})
	if err != nil {
		m.Fatal(err)
	}
	m.f.close(m.T)
	p := evidence.Prover{Folder: m.f.dir + "/audit"}
	if err := p.Verify(c); err != nil {
		m.Fatal(err)
	}
	var asJSON, page bytes.Buffer
	r := evidence.Report{Collector: c, Prover: &p, Made: made, Service: &evidence.Service{}}
	if _, err := r.Write(&asJSON, &page); err != nil {
		m.Fatal(err)
	}
	var report struct {
		Keys []struct {
			ARN      string
			Timeline replay.Timeline
		}
	}
	if err := json.Unmarshal(asJSON.Bytes(), &report); err != nil {
		m.Fatal(err)
	}
	for _, k := range report.Keys {
		if !k.Timeline.Complete || !k.Timeline.Compared {
			m.Errorf("%s: %+v", k.ARN, k.Timeline)
		}
		for i := range seen {
			got := m.holdersAt(&k.Timeline, seen[i].at, now[k.ARN])
			if want := seen[i].holders[k.ARN]; !maps.Equal(got, want) {
				m.Fatalf("%s, %s, after %s:\nreplayed %v\nthe service said %v", k.ARN, seen[i].at, seen[i].what, got, want)
			}
		}
	}
	if n := len(report.Keys[0].Timeline.Intervals) + len(report.Keys[1].Timeline.Intervals); n < 5 {
		m.Errorf("of %d changes %d intervals: the test has moved nothing", len(seen), n)
	}
}

// holdersAt is what a timeline says of a moment.
func (m *mover) holdersAt(t *replay.Timeline, at time.Time, now []explain.Holder) map[string]string {
	var have map[string]string
	for i := range t.Intervals {
		v := &t.Intervals[i]
		if v.From.After(at) {
			break
		}
		switch {
		case v.AsNow:
			have = byName(m.T, now)
		case !v.Follows:
			have = byName(m.T, v.Holders)
		default:
			have = maps.Clone(have)
			for name := range byName(m.T, v.Lost) {
				delete(have, name)
			}
			maps.Copy(have, byName(m.T, v.Gained))
		}
	}
	return have
}
