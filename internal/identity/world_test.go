package identity_test

import (
	"context"
	"crypto/sha256"
	"strings"
	"testing"
	"time"

	"trent/internal/domains"
	"trent/internal/identity"
	"trent/internal/record"
	"trent/internal/store"
)

const (
	account = "111122223333"
	iamARN  = "arn:aws:iam::" + account + ":"
	userKey = "AKIAUSERUSERUSERUSER"
	roleKey = "ASIAROLEROLEROLEROLE"
	token   = "a session token"
)

// put writes a record, whatever was there.
func (f *fixture) put(tb testing.TB, path []byte, t record.Type, v any) {
	tb.Helper()
	global, err := f.domains.Region(context.Background(), domains.Global)
	if err != nil {
		tb.Fatal(err)
	}
	value, err := global.Records.Seal(path, t, 1, v)
	if err != nil {
		tb.Fatal(err)
	}
	if _, _, err := f.store.Txn(context.Background(), nil, []store.Op{{Key: path, Value: value}}); err != nil {
		tb.Fatal(err)
	}
}

func (f *fixture) delete(tb testing.TB, path []byte) {
	tb.Helper()
	if _, _, err := f.store.Txn(context.Background(), nil, []store.Op{{Key: path, Delete: true}}); err != nil {
		tb.Fatal(err)
	}
}

// document is a policy with a statement whose Sid is id.
func document(id string) string {
	return `{"Version":"2012-10-17","Statement":[{"Sid":"` + id + `","Effect":"Allow","Action":"kms:Encrypt","Resource":"*"}]}`
}

func managed(id, name, path string) *record.Managed {
	return &record.Managed{ID: id, Name: name, Path: path, Default: 2, Latest: 2, Versions: []record.ManagedVersion{
		{Number: 1, Document: document("old")}, {Number: 2, Document: document(name)},
	}}
}

func theUser() *record.User {
	return &record.User{
		ID: "AIDAUSER", Name: "Alice", Path: "/staff/", Inline: map[string]string{"own": document("own")},
		Attached: []string{iamARN + "policy/Keys"}, Boundary: iamARN + "policy/x/Boundary", Groups: []string{"staff"},
		Tags: map[string]string{"Dept": "hr"}, AccessKeys: []string{userKey},
	}
}

func theRole() *record.Role {
	return &record.Role{
		ID: "AROAROLE", Name: "Payroll", Path: "/", Inline: map[string]string{"role": document("role")},
		Attached: []string{iamARN + "policy/Keys"}, Tags: map[string]string{"Dept": "hr", "Site": "A"}, MaxSessionSeconds: 3600,
		Trust: record.Policy{Document: document("trust")},
	}
}

func theSession() *record.AccessKey {
	digest := sha256.Sum256([]byte(token))
	return &record.AccessKey{
		Account: account, PrincipalARN: "arn:aws:sts::" + account + ":assumed-role/Payroll/run", PrincipalID: "AROAROLE:run",
		Type: identity.TypeSession, Status: "Active", ExpiresMs: time.Now().Add(time.Hour).UnixMilli(), Session: digest[:],
		Temporary: &record.Session{
			Name: "run", RoleARN: iamARN + "role/Payroll", RoleID: "AROAROLE", Policy: document("session"),
			PolicyARNs: []string{iamARN + "policy/Keys"}, Tags: map[string]string{"dept": "it"}, Transitive: []string{"dept"}, SourceIdentity: "carol",
		},
	}
}

func theUserKey() *record.AccessKey {
	return &record.AccessKey{Account: account, PrincipalARN: iamARN + "user/staff/Alice", PrincipalID: "AIDAUSER", Type: identity.TypeUser, UserName: "Alice", Status: "Active"}
}

// world is an account with a user, a role with a session, a group and managed
// policies.
func (f *fixture) world(tb testing.TB) {
	tb.Helper()
	for _, w := range [...]struct {
		path []byte
		t    record.Type
		v    any
	}{
		{record.AccountPath(account), record.TypeAccount, &record.Account{}},
		{record.UserPath(account, "alice"), record.TypeUser, theUser()},
		{record.GroupPath(account, "staff"), record.TypeGroup, &record.Group{
			ID: "AGPA", Name: "Staff", Path: "/", Inline: map[string]string{"group": document("group")}, Attached: []string{iamARN + "policy/x/Shared"},
		}},
		{record.RolePath(account, "payroll"), record.TypeRole, theRole()},
		{record.ManagedPath(account, "keys"), record.TypeManaged, managed("ANPA1", "Keys", "/")},
		{record.ManagedPath(account, "shared"), record.TypeManaged, managed("ANPA2", "Shared", "/x/")},
		{record.ManagedPath(account, "boundary"), record.TypeManaged, managed("ANPA3", "Boundary", "/x/")},
		{record.AccessKeyPath(userKey), record.TypeAccessKey, theUserKey()},
		{record.AccessKeyPath(roleKey), record.TypeAccessKey, theSession()},
	} {
		f.put(tb, w.path, w.t, w.v)
	}
}

func (f *fixture) caller(tb testing.TB, id string) *identity.Caller {
	tb.Helper()
	ak, err := f.find(id)
	if err != nil {
		tb.Fatal(err)
	}
	return &ak.Caller
}

func (f *fixture) find(id string) (*identity.AccessKey, error) {
	given := ""
	if strings.HasPrefix(id, "ASIA") {
		given = token
	}
	return f.AccessKey(context.Background(), id, given)
}

// sids are the statements of policies, as name:sid.
func sids(all []identity.Attached) (list []string) {
	for _, a := range all {
		list = append(list, a.Name+":"+a.Policy.Document().Statements[0].SID)
	}
	return list
}
