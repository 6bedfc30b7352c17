package iam

import "trent/internal/call"

// policyOperations is the table of the operations on roles and policies.
func (c *Config) policyOperations() []*call.QueryOperation {
	return append([]*call.QueryOperation{
		changes("CreateRole", func() call.QueryRequest { return &createRole{Config: c} }),
		reads("GetRole", func() call.QueryRequest { return &getRole{ofRole{Config: c}} }),
		reads("ListRoles", func() call.QueryRequest { return &listRoles{byPath{Config: c}} }),
		quiet("DeleteRole", func() call.QueryRequest { return &deleteRole{ofRole{Config: c}} }),
		quiet("UpdateAssumeRolePolicy", func() call.QueryRequest { return &updateAssumeRolePolicy{ofRole: ofRole{Config: c}} }),
		changes("UpdateRole", func() call.QueryRequest { return &updateRole{ofRole: ofRole{Config: c}} }),
		quiet("TagRole", func() call.QueryRequest { return &tagRole{ofRole: ofRole{Config: c}} }),
		quiet("UntagRole", func() call.QueryRequest { return &untagRole{ofRole: ofRole{Config: c}} }),
		reads("ListRoleTags", func() call.QueryRequest { return &listRoleTags{ofRole: ofRole{Config: c}} }),
		changes("CreatePolicy", func() call.QueryRequest { return &createPolicy{Config: c} }),
		reads("GetPolicy", func() call.QueryRequest { return &getPolicy{ofManaged{Config: c}} }),
		reads("ListPolicies", func() call.QueryRequest { return &listPolicies{Config: c} }),
		quiet("DeletePolicy", func() call.QueryRequest { return &deletePolicy{ofManaged{Config: c}} }),
		changes("CreatePolicyVersion", func() call.QueryRequest { return &createPolicyVersion{ofManaged: ofManaged{Config: c}} }),
		reads("GetPolicyVersion", func() call.QueryRequest { return &getPolicyVersion{ofVersion{ofManaged: ofManaged{Config: c}}} }),
		reads("ListPolicyVersions", func() call.QueryRequest { return &listPolicyVersions{ofManaged: ofManaged{Config: c}} }),
		quiet("DeletePolicyVersion", func() call.QueryRequest { return &deletePolicyVersion{ofVersion{ofManaged: ofManaged{Config: c}}} }),
		quiet("SetDefaultPolicyVersion", func() call.QueryRequest { return &setDefaultPolicyVersion{ofVersion{ofManaged: ofManaged{Config: c}}} }),
		reads("ListEntitiesForPolicy", func() call.QueryRequest { return &listEntitiesForPolicy{ofManaged: ofManaged{Config: c}} }),
	}, c.holderOperations()...)
}

// holderOperations are those that users, groups and roles have alike.
func (c *Config) holderOperations() (all []*call.QueryOperation) {
	for word, kind := range map[string]*holders{"User": userHolders, "Group": groupHolders, "Role": roleHolders} {
		of := func() ofHolder { return ofHolder{Config: c, holders: kind} }
		all = append(all,
			quiet("Put"+word+"Policy", func() call.QueryRequest { return &putPolicy{ofHolder: of()} }),
			reads("Get"+word+"Policy", func() call.QueryRequest { return &getInlinePolicy{ofHolder: of()} }),
			reads("List"+word+"Policies", func() call.QueryRequest { return &listInlinePolicies{ofHolder: of()} }),
			quiet("Delete"+word+"Policy", func() call.QueryRequest { return &deleteInlinePolicy{ofHolder: of()} }),
			quiet("Attach"+word+"Policy", func() call.QueryRequest { return &attachPolicy{attaching{ofHolder: of()}} }),
			quiet("Detach"+word+"Policy", func() call.QueryRequest { return &detachPolicy{attaching{ofHolder: of()}} }),
			reads("ListAttached"+word+"Policies", func() call.QueryRequest { return &listAttachedPolicies{ofHolder: of()} }),
		)
		if kind != groupHolders {
			all = append(all,
				quiet("Put"+word+"PermissionsBoundary", func() call.QueryRequest { return &putPermissionsBoundary{ofHolder: of()} }),
				quiet("Delete"+word+"PermissionsBoundary", func() call.QueryRequest { return &deletePermissionsBoundary{of()} }),
			)
		}
	}
	return all
}
