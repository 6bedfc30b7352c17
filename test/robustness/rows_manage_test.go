package robustness

import (
	"fmt"
	"strings"

	"trent/test/harness"
)

// manage are bad inputs of the operations that manage keys: their
// descriptions, aliases, policies and tags.
func (w *world) manage() []badInput {
	in := func(o object) string { return harness.Marshal(o) }
	tag := func(key, value string) object { return object{"TagKey": key, "TagValue": value} }
	var many []object
	for i := range 51 {
		many = append(many, tag(fmt.Sprint("tag", i), "v"))
	}
	long, one := strings.Repeat("d", 8193), "Member must have length greater than or equal to 1"
	rows := []badInput{
		{name: "no description", operation: "UpdateKeyDescription", body: in(object{"KeyId": w.key}), code: validation,
			message: oneError + "null at 'description'" + notNull},
		{name: "long description", operation: "UpdateKeyDescription", body: in(object{"KeyId": w.key, "Description": long}), code: validation,
			message: oneError + "'ddd…"},

		{name: "another name", operation: "GetKeyPolicy", body: in(object{"KeyId": w.key, "PolicyName": "other"}), code: notFound, message: "No such policy exists"},
		{name: "the name in capitals", operation: "GetKeyPolicy", body: in(object{"KeyId": w.key, "PolicyName": "Default"}), code: notFound, message: "No such policy exists"},
		{name: "empty name", operation: "GetKeyPolicy", body: in(object{"KeyId": w.key, "PolicyName": ""}), code: validation, message: "…"},
		{name: "name with a dash", operation: "GetKeyPolicy", body: in(object{"KeyId": w.key, "PolicyName": "de-fault"}), code: validation,
			message: oneError + "'de-fault' at 'policyName'" + unlike("satisfy regular expression pattern: [\\w]+")},
		{name: "limit 0", operation: "ListKeyPolicies", body: in(object{"KeyId": w.key, "Limit": 0}), code: validation,
			message: oneError + "'0' at 'limit'" + unlike("have value greater than or equal to 1")},
		{name: "made-up marker", operation: "ListKeyPolicies", body: in(object{"KeyId": w.key, "Marker": "made-up"}), code: "InvalidMarkerException", message: "…"},

		{name: "no tags", operation: "TagResource", body: in(object{"KeyId": w.key}), code: validation, message: oneError + "null at 'tags'" + notNull},
		{name: "no value", operation: "TagResource", body: in(object{"KeyId": w.key, "Tags": []object{{"TagKey": "a"}}}), code: validation,
			message: oneError + "null at 'tags.1.member.tagValue'" + notNull},
		{name: "long value", operation: "TagResource", body: in(object{"KeyId": w.key, "Tags": []object{tag("a", ""), tag("b", strings.Repeat("v", 257))}}), code: validation,
			message: oneError + "'" + strings.Repeat("v", 257) + "' at 'tags.2.member.tagValue'" + unlike("have length less than or equal to 256")},
		{name: "empty key", operation: "TagResource", body: in(object{"KeyId": w.key, "Tags": []object{tag("", "v")}}), code: validation,
			message: oneError + "'' at 'tags.1.member.tagKey' failed to satisfy constraint: " + one},
		{name: "long key", operation: "TagResource", body: in(object{"KeyId": w.key, "Tags": []object{tag(strings.Repeat("k", 129), "v")}}), code: validation, message: "…"},
		{name: "a key twice", operation: "TagResource", body: in(object{"KeyId": w.key, "Tags": []object{tag("a", "1"), tag("a", "2")}}), code: tagError,
			message: "Duplicate tag keys"},
		{name: "51 tags", operation: "TagResource", body: in(object{"KeyId": w.key, "Tags": many}), code: tagError, message: "Too many tags"},
		{name: "50 tags more", operation: "TagResource", body: in(object{"KeyId": w.key, "Tags": many[:50]}), code: tagError, message: "Too many tags"},
		{name: "a good tag and a reserved one", operation: "TagResource", body: in(object{"KeyId": w.key, "Tags": []object{tag("a", "1"), tag("AWS:a", "2")}}), code: tagError,
			message: "Tags beginning with aws: are reserved"},
		{name: "a key twice", operation: "CreateKey", body: in(object{"Tags": []object{tag("a", "1"), tag("a", "2")}}), code: tagError, message: "Duplicate tag keys"},
		{name: "51 tags", operation: "CreateKey", body: in(object{"Tags": many}), code: tagError, message: "Too many tags"},
		{name: "a reserved tag", operation: "CreateKey", body: in(object{"Tags": []object{tag("aws:a", "1")}}), code: tagError, message: "Tags beginning with aws: are reserved"},
		{name: "no keys", operation: "UntagResource", body: in(object{"KeyId": w.key}), code: validation, message: oneError + "null at 'tagKeys'" + notNull},
		{name: "empty key", operation: "UntagResource", body: in(object{"KeyId": w.key, "TagKeys": []string{"tagged", ""}}), code: validation,
			message: oneError + "'[tagged, ]' at 'tagKeys'" + unlike("satisfy constraint: [Member must have length less than or equal to 128, "+one+"]")},
		{name: "limit 1,001", operation: "ListResourceTags", body: in(object{"KeyId": w.key, "Limit": 1001}), code: validation,
			message: oneError + "'1001' at 'limit'" + unlike("have value less than or equal to 1000")},
		{name: "made-up marker", operation: "ListResourceTags", body: in(object{"KeyId": w.key, "Marker": "made-up"}), code: "InvalidMarkerException", message: "…"},
	}
	rows = append(rows, w.updateAlias()...)
	for operation, more := range map[string]object{
		"UpdateKeyDescription": {"Description": "changed"}, "GetKeyPolicy": {}, "ListKeyPolicies": {}, "ListResourceTags": {},
		"TagResource": {"Tags": []object{tag("a", "b")}}, "UntagResource": {"TagKeys": []string{"tagged"}},
	} {
		rows = append(rows, w.namedBadly(operation, "KeyId", more, false)...)
	}
	return rows
}

// updateAlias are re-pointings that fail.
func (w *world) updateAlias() []badInput {
	in := func(name, target any) string {
		return harness.Marshal(object{"AliasName": name, "TargetKeyId": target})
	}
	rows := []badInput{
		{name: "no prefix", operation: "UpdateAlias", body: in("taken", w.other), code: validation,
			message: `Alias must start with the prefix "alias/". Please see https://docs.aws.amazon.com/kms/latest/developerguide/kms-alias.html`},
		{name: "forbidden character", operation: "UpdateAlias", body: in("alias/ward 7", w.other), code: validation,
			message: oneError + "'alias/ward 7' at 'aliasName'" + unlike("satisfy regular expression pattern: "+aliasPattern)},
		{name: "no target", operation: "UpdateAlias", body: `{"AliasName":"alias/taken"}`, code: validation, message: oneError + "null at 'targetKeyId'" + notNull},
		{name: "no name", operation: "UpdateAlias", body: `{"TargetKeyId":"` + w.other + `"}`, code: validation, message: oneError + "null at 'aliasName'" + notNull},
		{name: "an ARN for a name", operation: "UpdateAlias", body: in(w.account+"alias/taken", w.other), code: validation, message: "Alias must start…"},
	}
	for _, name := range []string{"alias/none", "alias/", "alias/aws/s3"} {
		rows = append(rows, badInput{name: "no such alias: " + name, operation: "UpdateAlias", body: in(name, w.other), code: notFound,
			message: "Alias " + w.account + name + " is not found."})
	}
	rows = append(rows, badInput{name: "another account's alias", operation: "UpdateAlias", who: w.stranger, body: in("alias/taken", w.foreignARN), code: notFound,
		message: "Alias " + strings.ReplaceAll(w.account, harness.Account, w.stranger.AccessKey) + "alias/taken is not found."})
	return append(rows, w.namedBadly("UpdateAlias", "TargetKeyId", object{"AliasName": "alias/taken"}, false)...)
}
