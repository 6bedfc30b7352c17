package clients

import (
	"slices"
	"strings"
	"testing"

	"trent/test/harness"
)

const (
	iamARN  = "arn:aws:iam::" + harness.Account + ":"
	allowed = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["kms:*","sts:*"],"Resource":"*"}]}`
	less    = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["kms:*","sts:*"],"Resource":"*"},{"Effect":"Deny","Action":"kms:Decrypt","Resource":"*"}]}`
	bounded = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"kms:Encrypt","Resource":"*"}]}`
)

// identities takes users, groups, roles and policies through their lives, as
// root, and calls KMS with what they give: each change holds with the next call.
func identities(t *testing.T, root caller, connect func(harness.Who) caller) {
	users(t, root)
	groups(t, root)
	key := must(t, root, "iam:CreateAccessKey", object{"UserName": "bob"})["AccessKey"].(object)
	id := text(t, key, "AccessKeyId")
	bob := connect(harness.Who{AccessKey: id, SecretKey: text(t, key, "SecretAccessKey"), Region: harness.Region})
	if who := must(t, bob, "sts:GetCallerIdentity", object{}); who["Arn"] != iamARN+"user/staff/bob" || who["Account"] != harness.Account {
		t.Errorf("bob is %v", who)
	}
	keyID := text(t, must(t, root, "CreateKey", object{})["KeyMetadata"].(object), "KeyId")
	managedPolicies(t, root, bob, keyID)
	inlinePolicies(t, root, bob, keyID)
	boundaries(t, root, bob, keyID)
	roles(t, root, bob, connect, keyID)
	sessionTokens(t, bob, connect)
	accessKeys(t, root, bob, id)
	t.Run("nothing is left", func(t *testing.T) { dismiss(t, root) })
}

// encrypts checks whether somebody may use a key.
func encrypts(t *testing.T, c caller, key string, may bool) {
	t.Helper()
	in := object{"KeyId": key, "Plaintext": blob("x")}
	if may {
		must(t, c, "Encrypt", in)
	} else {
		refused(t, c, "Encrypt", in, "AccessDeniedException", anyMessage)
	}
}

// names are the members of a list in an answer.
func names(answer object, list, member string) (all []string) {
	entries, _ := answer[list].([]any)
	for _, entry := range entries {
		switch e := entry.(type) {
		case object:
			name, _ := e[member].(string)
			all = append(all, name)
		case string:
			all = append(all, e)
		}
	}
	return all
}

// listed checks that a list has a member's value.
func listed(t *testing.T, c caller, operation string, in object, list, member, want string) {
	t.Helper()
	if got := names(must(t, c, operation, in), list, member); !slices.Contains(got, want) {
		t.Errorf("%s lists %q, without %s", operation, got, want)
	}
}

func users(t *testing.T, root caller) {
	bob := object{"UserName": "bob"}
	made := must(t, root, "iam:CreateUser", object{"UserName": "bob", "Path": "/staff/", "Tags": []object{{"Key": "team", "Value": "a b/c=d+é"}}})["User"].(object)
	if !strings.HasPrefix(text(t, made, "UserId"), "AIDA") || made["Arn"] != iamARN+"user/staff/bob" {
		t.Errorf("CreateUser answers %v", made)
	}
	refused(t, root, "iam:CreateUser", bob, "EntityAlreadyExists", "User with name bob already exists.")
	refused(t, root, "iam:GetUser", object{"UserName": "nobody"}, "NoSuchEntity", "The user with name nobody cannot be found.")
	refused(t, root, "iam:CreateUser", object{"UserName": "b/c"}, "ValidationError", anyMessage)
	tagged := must(t, root, "iam:GetUser", bob)["User"].(object)["Tags"].([]any)
	if len(tagged) != 1 || tagged[0].(object)["Value"] != "a b/c=d+é" {
		t.Errorf("bob's tags are %v", tagged)
	}
	listed(t, root, "iam:ListUsers", object{"PathPrefix": "/staff/", "MaxItems": 1}, "Users", "UserName", "bob")
	must(t, root, "iam:TagUser", object{"UserName": "bob", "Tags": []object{{"Key": "more", "Value": ""}}})
	listed(t, root, "iam:ListUserTags", bob, "Tags", "Key", "more")
	must(t, root, "iam:UntagUser", object{"UserName": "bob", "TagKeys": []string{"more"}})
}

func groups(t *testing.T, root caller) {
	both := object{"GroupName": "staff", "UserName": "bob"}
	must(t, root, "iam:CreateGroup", object{"GroupName": "staff"})
	must(t, root, "iam:AddUserToGroup", both)
	listed(t, root, "iam:GetGroup", object{"GroupName": "staff"}, "Users", "UserName", "bob")
	listed(t, root, "iam:ListGroups", object{}, "Groups", "GroupName", "staff")
	listed(t, root, "iam:ListGroupsForUser", object{"UserName": "bob"}, "Groups", "GroupName", "staff")
	refused(t, root, "iam:DeleteGroup", object{"GroupName": "staff"}, "DeleteConflict", "Cannot delete entity, must remove users from group first.")
}

// managedPolicies reach bob through his group.
func managedPolicies(t *testing.T, root, bob caller, key string) {
	refused(t, root, "iam:CreatePolicy", object{"PolicyName": "use", "PolicyDocument": "{}"}, "MalformedPolicyDocument", anyMessage)
	arn := text(t, must(t, root, "iam:CreatePolicy", object{"PolicyName": "use", "PolicyDocument": allowed})["Policy"].(object), "Arn")
	policy, attach := object{"PolicyArn": arn}, object{"PolicyArn": arn, "GroupName": "staff"}
	encrypts(t, bob, key, false)
	must(t, root, "iam:AttachGroupPolicy", attach)
	encrypts(t, bob, key, true)
	sealed := must(t, bob, "Encrypt", object{"KeyId": key, "Plaintext": blob("x")})["CiphertextBlob"]
	listed(t, root, "iam:ListAttachedGroupPolicies", object{"GroupName": "staff"}, "AttachedPolicies", "PolicyArn", arn)
	listed(t, root, "iam:ListEntitiesForPolicy", policy, "PolicyGroups", "GroupName", "staff")
	listed(t, root, "iam:ListPolicies", object{"Scope": "Local"}, "Policies", "Arn", arn)
	must(t, root, "iam:CreatePolicyVersion", object{"PolicyArn": arn, "PolicyDocument": less, "SetAsDefault": true})
	refused(t, bob, "Decrypt", object{"CiphertextBlob": sealed}, "AccessDeniedException", anyMessage)
	listed(t, root, "iam:ListPolicyVersions", policy, "Versions", "VersionId", "v2")
	must(t, root, "iam:GetPolicyVersion", object{"PolicyArn": arn, "VersionId": "v2"})
	must(t, root, "iam:SetDefaultPolicyVersion", object{"PolicyArn": arn, "VersionId": "v1"})
	must(t, bob, "Decrypt", object{"CiphertextBlob": sealed})
	must(t, root, "iam:DeletePolicyVersion", object{"PolicyArn": arn, "VersionId": "v2"})
	if p := must(t, root, "iam:GetPolicy", policy)["Policy"].(object); p["DefaultVersionId"] != "v1" {
		t.Errorf("GetPolicy answers %v", p)
	}
	must(t, root, "iam:DetachGroupPolicy", attach)
	encrypts(t, bob, key, false)
	for word, name := range map[string]string{"User": "bob"} {
		in := object{"PolicyArn": arn, word + "Name": name}
		must(t, root, "iam:Attach"+word+"Policy", in)
		encrypts(t, bob, key, true)
		listed(t, root, "iam:ListAttached"+word+"Policies", object{word + "Name": name}, "AttachedPolicies", "PolicyName", "use")
		must(t, root, "iam:Detach"+word+"Policy", in)
	}
	encrypts(t, bob, key, false)
}

func inlinePolicies(t *testing.T, root, bob caller, key string) {
	for _, of := range []struct{ word, name string }{{"Group", "staff"}, {"User", "bob"}} {
		holder := object{of.word + "Name": of.name}
		in := object{of.word + "Name": of.name, "PolicyName": "inline"}
		must(t, root, "iam:Put"+of.word+"Policy", object{of.word + "Name": of.name, "PolicyName": "inline", "PolicyDocument": allowed})
		encrypts(t, bob, key, true)
		listed(t, root, "iam:List"+of.word+"Policies", holder, "PolicyNames", "", "inline")
		if got := must(t, root, "iam:Get"+of.word+"Policy", in); got["PolicyName"] != "inline" || got["PolicyDocument"] == nil {
			t.Errorf("Get%sPolicy answers %v", of.word, got)
		}
		must(t, root, "iam:Delete"+of.word+"Policy", in)
		encrypts(t, bob, key, false)
	}
	must(t, root, "iam:PutUserPolicy", object{"UserName": "bob", "PolicyName": "inline", "PolicyDocument": allowed})
}

func boundaries(t *testing.T, root, bob caller, key string) {
	arn := text(t, must(t, root, "iam:CreatePolicy", object{"PolicyName": "edge", "PolicyDocument": bounded})["Policy"].(object), "Arn")
	must(t, root, "iam:PutUserPermissionsBoundary", object{"UserName": "bob", "PermissionsBoundary": arn})
	encrypts(t, bob, key, true)
	refused(t, bob, "ListKeys", object{}, "AccessDeniedException", anyMessage)
	must(t, root, "iam:DeleteUserPermissionsBoundary", object{"UserName": "bob"})
	must(t, bob, "ListKeys", object{})
}

// roles are assumed by bob, whose session may do what role and session policy
// allow.
func roles(t *testing.T, root, bob caller, connect func(harness.Who) caller, key string) {
	trust := func(who string) string {
		return `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"` + who + `"},"Action":["sts:AssumeRole","sts:TagSession"]}]}`
	}
	app, arn := object{"RoleName": "app"}, iamARN+"role/app"
	must(t, root, "iam:CreateRole", object{"RoleName": "app", "AssumeRolePolicyDocument": trust(iamARN + "root")})
	must(t, root, "iam:UpdateAssumeRolePolicy", object{"RoleName": "app", "PolicyDocument": trust(iamARN + "user/staff/bob")})
	must(t, root, "iam:UpdateRole", object{"RoleName": "app", "Description": "an application", "MaxSessionDuration": 7200})
	if r := must(t, root, "iam:GetRole", app)["Role"].(object); r["Arn"] != arn || r["Description"] != "an application" {
		t.Errorf("GetRole answers %v", r)
	}
	listed(t, root, "iam:ListRoles", object{}, "Roles", "RoleName", "app")
	must(t, root, "iam:TagRole", object{"RoleName": "app", "Tags": []object{{"Key": "k", "Value": "v"}}})
	listed(t, root, "iam:ListRoleTags", app, "Tags", "Key", "k")
	must(t, root, "iam:UntagRole", object{"RoleName": "app", "TagKeys": []string{"k"}})

	assumed := must(t, bob, "sts:AssumeRole", object{"RoleArn": arn, "RoleSessionName": "s1", "DurationSeconds": 900})
	credentials := assumed["Credentials"].(object)
	session := connect(harness.Who{
		AccessKey: text(t, credentials, "AccessKeyId"), SecretKey: text(t, credentials, "SecretAccessKey"), Token: text(t, credentials, "SessionToken"), Region: harness.Region,
	})
	if who := must(t, session, "sts:GetCallerIdentity", object{}); who["Arn"] != "arn:aws:sts::"+harness.Account+":assumed-role/app/s1" {
		t.Errorf("the session is %v", who)
	}
	encrypts(t, session, key, false)
	inline := object{"RoleName": "app", "PolicyName": "inline"}
	must(t, root, "iam:PutRolePolicy", object{"RoleName": "app", "PolicyName": "inline", "PolicyDocument": bounded})
	encrypts(t, session, key, true)
	must(t, root, "iam:GetRolePolicy", inline)
	listed(t, root, "iam:ListRolePolicies", app, "PolicyNames", "", "inline")
	must(t, root, "iam:DeleteRolePolicy", inline)
	encrypts(t, session, key, false)
	attach := object{"RoleName": "app", "PolicyArn": iamARN + "policy/use"}
	must(t, root, "iam:AttachRolePolicy", attach)
	encrypts(t, session, key, true)
	listed(t, root, "iam:ListAttachedRolePolicies", app, "AttachedPolicies", "PolicyName", "use")
	must(t, root, "iam:PutRolePermissionsBoundary", object{"RoleName": "app", "PermissionsBoundary": iamARN + "policy/edge"})
	refused(t, session, "ListKeys", object{}, "AccessDeniedException", anyMessage)
	must(t, root, "iam:DeleteRolePermissionsBoundary", app)
	must(t, session, "ListKeys", object{})
	must(t, root, "iam:DetachRolePolicy", attach)
	must(t, root, "iam:DeleteRole", app)
	refused(t, session, "ListKeys", object{}, "UnrecognizedClientException", anyMessage)
	refused(t, root, "sts:AssumeRole", object{"RoleArn": arn, "RoleSessionName": "s1"}, "AccessDenied", anyMessage)
}

// sessionTokens have the user's own permissions, and IAM is closed to them.
func sessionTokens(t *testing.T, bob caller, connect func(harness.Who) caller) {
	credentials := must(t, bob, "sts:GetSessionToken", object{"DurationSeconds": 900})["Credentials"].(object)
	session := connect(harness.Who{
		AccessKey: text(t, credentials, "AccessKeyId"), SecretKey: text(t, credentials, "SecretAccessKey"), Token: text(t, credentials, "SessionToken"), Region: harness.Region,
	})
	must(t, session, "ListKeys", object{})
	refused(t, session, "iam:GetUser", object{}, "InvalidClientTokenId", anyMessage)
}

func accessKeys(t *testing.T, root, bob caller, id string) {
	set := func(status string) {
		must(t, root, "iam:UpdateAccessKey", object{"UserName": "bob", "AccessKeyId": id, "Status": status})
	}
	listed(t, root, "iam:ListAccessKeys", object{"UserName": "bob"}, "AccessKeyMetadata", "AccessKeyId", id)
	set("Inactive")
	refused(t, bob, "ListKeys", object{}, "UnrecognizedClientException", "The security token included in the request is invalid.")
	refused(t, bob, "sts:GetCallerIdentity", object{}, "InvalidClientTokenId", "The security token included in the request is invalid.")
	set("Active")
	must(t, bob, "ListKeys", object{})
	if used := must(t, root, "iam:GetAccessKeyLastUsed", object{"AccessKeyId": id}); used["UserName"] != "bob" || used["AccessKeyLastUsed"].(object)["Region"] != harness.Region {
		t.Errorf("last used: %v", used)
	}
	refused(t, root, "iam:DeleteUser", object{"UserName": "bob"}, "DeleteConflict", "Cannot delete entity, must delete access keys first.")
	must(t, root, "iam:DeleteAccessKey", object{"UserName": "bob", "AccessKeyId": id})
	refused(t, bob, "ListKeys", object{}, "UnrecognizedClientException", anyMessage)
}

// dismiss deletes everybody.
func dismiss(t *testing.T, root caller) {
	must(t, root, "iam:RemoveUserFromGroup", object{"GroupName": "staff", "UserName": "bob"})
	must(t, root, "iam:DeleteGroup", object{"GroupName": "staff"})
	must(t, root, "iam:DeleteUserPolicy", object{"UserName": "bob", "PolicyName": "inline"})
	must(t, root, "iam:DeleteUser", object{"UserName": "bob"})
	for _, name := range []string{"use", "edge"} {
		must(t, root, "iam:DeletePolicy", object{"PolicyArn": iamARN + "policy/" + name})
	}
	for operation, list := range map[string]string{"iam:ListUsers": "Users", "iam:ListGroups": "Groups", "iam:ListRoles": "Roles"} {
		if left := names(must(t, root, operation, object{}), list, "Arn"); len(left) != 0 {
			t.Errorf("%s: %q", operation, left)
		}
	}
}
