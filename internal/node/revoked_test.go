package node_test

import (
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// TestRevocationsUnderLoad: while eight goroutines call through the pipeline, no
// request that begins after a change was acknowledged is decided by what was
// before, and none fails that both before and after allow.
func TestRevocationsUnderLoad(t *testing.T) {
	t.Parallel()
	c := newCompany(t)
	c.root.ok(t, "CreatePolicy", "PolicyName", "encrypt", "PolicyDocument", allowing("kms:Encrypt", "*"))
	c.root.ok(t, "CreatePolicy", "PolicyName", "none", "PolicyDocument", allowing("kms:ListKeys", "*"))
	const encrypt, none = ourARN + "policy/encrypt", ourARN + "policy/none"
	tagged := allowing("kms:Encrypt", "*", `,"Condition":{"StringEquals":{"aws:PrincipalTag/Dept":"hr"}}`)

	// Each makes an actor who may encrypt, and returns what ends that.
	for name, revocable := range map[string]func(user string) (actor, func()){
		"access key deactivated": func(user string) (actor, func()) {
			a := c.encrypting(t, user, encrypt)
			return a, func() {
				c.root.ok(t, "UpdateAccessKey", "UserName", user, "AccessKeyId", a.accessKey, "Status", "Inactive")
			}
		},
		"user deleted": func(user string) (actor, func()) {
			a := c.user(t, ours, user)
			c.root.ok(t, "CreateGroup", "GroupName", user)
			c.root.ok(t, "PutGroupPolicy", "GroupName", user, "PolicyName", "p", "PolicyDocument", allowing("kms:Encrypt", "*"))
			c.root.ok(t, "AddUserToGroup", "GroupName", user, "UserName", user)
			return a, func() {
				c.root.ok(t, "RemoveUserFromGroup", "GroupName", user, "UserName", user)
				c.root.ok(t, "DeleteAccessKey", "UserName", user, "AccessKeyId", a.accessKey)
				c.root.ok(t, "DeleteUser", "UserName", user)
			}
		},
		"policy detached": func(user string) (actor, func()) {
			return c.encrypting(t, user, encrypt), func() { c.root.ok(t, "DetachUserPolicy", "UserName", user, "PolicyArn", encrypt) }
		},
		"boundary": func(user string) (actor, func()) {
			return c.encrypting(t, user, encrypt), func() { c.root.ok(t, "PutUserPermissionsBoundary", "UserName", user, "PermissionsBoundary", none) }
		},
		"default version": func(user string) (actor, func()) {
			policy := c.root.ok(t, "CreatePolicy", "PolicyName", user, "PolicyDocument", allowing("kms:Encrypt", "*")).one("Arn")
			return c.encrypting(t, user, policy), func() {
				c.root.ok(t, "CreatePolicyVersion", "PolicyArn", policy, "PolicyDocument", allowing("kms:Decrypt", "*"), "SetAsDefault", "true")
			}
		},
		"tags": func(user string) (actor, func()) {
			a := c.user(t, ours, user)
			c.root.ok(t, "TagUser", "UserName", user, "Tags.member.1.Key", "Dept", "Tags.member.1.Value", "hr")
			c.root.ok(t, "PutUserPolicy", "UserName", user, "PolicyName", "p", "PolicyDocument", tagged)
			return a, func() { c.root.ok(t, "UntagUser", "UserName", user, "TagKeys.member.1", "dept") }
		},
		"role deleted": func(role string) (actor, func()) {
			a := c.session(t, role, encrypt)
			return a, func() {
				c.root.ok(t, "DetachRolePolicy", "RoleName", role, "PolicyArn", encrypt)
				c.root.ok(t, "DeleteRole", "RoleName", role)
			}
		},
		"sessions revoked": func(role string) (actor, func()) { // as the AWS console does
			a := c.session(t, role, encrypt)
			return a, func() {
				c.root.ok(t, "PutRolePolicy", "RoleName", role, "PolicyName", "AWSRevokeOlderSessions", "PolicyDocument",
					`{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"*","Resource":"*","Condition":{"DateLessThan":{"aws:TokenIssueTime":"`+
						c.now().Add(time.Second).UTC().Format(time.RFC3339)+`"}}}]}`)
			}
		},
		"session expired": func(role string) (actor, func()) {
			return c.session(t, role, encrypt), func() { c.ahead.Add(int64(time.Hour)) }
		},
	} {
		c.revoked(t, name, revocable)
	}
}

// encrypting makes a user with a managed policy.
func (c *company) encrypting(t testing.TB, user, policy string) actor {
	t.Helper()
	a := c.user(t, ours, user)
	c.root.ok(t, "AttachUserPolicy", "UserName", user, "PolicyArn", policy)
	return a
}

// session makes a role with a managed policy, and a session of it.
func (c *company) session(t testing.TB, role, policy string) actor {
	t.Helper()
	c.root.ok(t, "CreateRole", "RoleName", role, "AssumeRolePolicyDocument", trusting(ours))
	c.root.ok(t, "AttachRolePolicy", "RoleName", role, "PolicyArn", policy)
	return c.assume(t, c.bob, ourARN+"role/"+role)
}

// revoked calls as an actor until after what ends his permission.
func (c *company) revoked(t *testing.T, name string, revocable func(string) (actor, func())) {
	who, end := revocable(strings.ReplaceAll(name, " ", "-"))
	if !c.may(t, who) {
		t.Fatalf("%s: refused from the start", name)
	}
	var begun, ended atomic.Bool
	var before, after atomic.Int64
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for after.Load() < 40 {
				runtime.Gosched() // the change's turn, on few processors
				over, ending := ended.Load(), begun.Load()
				a := who.kms("Encrypt", object{"KeyId": c.key, "Plaintext": []byte("x")})
				switch {
				case over && a.code == "":
					t.Errorf("%s: allowed after it was acknowledged", name)
					return
				case a.status >= 500:
					t.Errorf("%s: %+v", name, a)
					return
				case !ending && !begun.Load() && a.code != "":
					t.Errorf("%s: refused before: %+v", name, a)
					return
				case over:
					after.Add(1)
				default:
					before.Add(1)
				}
			}
		})
	}
	for before.Load() < 40 && !t.Failed() {
		runtime.Gosched()
	}
	begun.Store(true)
	end()
	ended.Store(true)
	all.Wait()
	if t.Failed() {
		t.Fatalf("%s: %d calls before, %d after", name, before.Load(), after.Load())
	}
}
