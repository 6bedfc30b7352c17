package evidence

// limits are what the report does not show, in sentences.
func limits(h *Head) []string {
	all := []string{
		"Who can use a key now is told by the service at the time of the report. Who could at other moments of the period is reconstructed from the records of changes, from the trail's beginning on, and told only if they lead to what the service says now, or if it was not asked or has no such key any more. Where a record does not say enough, nothing is told from there on. Times are those of the calls: a change took effect between its call and its answer, and of calls at the same time the records have the order of their commits.",
		"What a condition on a request, such as its address or its encryption context, would have decided is not computed; the condition is named.",
		"A role stands for its sessions. Who may assume it says its trust policy, whose changes are listed and which is not evaluated here. An endpoint policy of a listener can deny more than the list shows, and is part of the configuration, not of the trail.",
		"A data key that GenerateDataKey has given out, and a public key, are used outside of the service, which sees nothing of it. Use means calls of the service.",
		"Who has root's rights on the service's machine, its own user's, or the admin socket can give himself access to every key; what he does by the operator's commands is in the trail, what he does to files is not. Whoever has both a backup and the crypto module's key file has every key, and this report cannot show it.",
		"Refused calls of one principal beyond a hundred a second have one record together, which does not name the keys; they are counted with the account. Calls without a valid signature have at most ten records a second. Neither can use a key. A refused call that named an alias is counted with the key that has the alias now; refused calls that named keys which do not exist are counted together.",
		"A key policy, a grant's constraints or another parameter of more than 100 KiB in all is not in the record of the call that put it.",
		"The trail proves that its records were not changed, left out or put in between since digests covered them. That the service wrote a record for every call is a property of its program, not of the trail.",
		"A restored backup that runs beside this service is another service, with a trail of its own.",
	}
	if h.Service == nil {
		all = append([]string{"No service was asked: who can use the keys, their aliases, tags and present states are not in this report."}, all...)
	} else if h.Service.Durability != "strict" {
		all = append(all, "The service runs with audit durability "+h.Service.Durability+": after a loss of power the trail may lack the calls of the last moment that were answered.")
	}
	if !h.Trail.KeysGiven {
		all = append(all, "The digests were checked with the public keys that lie beside the trail, which its editor can replace.")
	}
	switch {
	case h.Trail.Complete:
	case h.Trail.Until.IsZero():
		all = append(all, "It is not proven that all records of the period are there: "+h.Trail.Why+".")
	default:
		all = append(all, "It is proven up to "+moment(h.Trail.Until)+" only that all records of the period are there: digests are made every five minutes, and cover calls of two minutes before them.")
	}
	if s := h.Scope; s != (Scope{}) {
		all = append(all, "The report was asked for a part of the service's keys only; changes of other accounts' principals may be left out, and where a key may have to do with them it is said with the key.")
	}
	return all
}
