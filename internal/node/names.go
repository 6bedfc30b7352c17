package node

import (
	"maps"
	"slices"

	"trent/internal/admin"
	"trent/internal/api"
	"trent/internal/cloudtrail"
	"trent/internal/iam"
	"trent/internal/sts"
)

// serviceEvents are the records that no operation has: what the service does by
// itself, and what operators' commands do without the admin socket.
var serviceEvents = []string{
	"CreateAuditKey", "CutAuditTrail", "DeleteExpiredKeyMaterial", "DeleteKey", "RefusedCalls", "ReplaceAuditTrail", "ReportEvidence", "RestartModule", "RestoreBackup",
	"RotateKey", "StartBackup", "CreateBackup", "StartModule", "SynchronizeMultiRegionKey", "UnknownOperation", "UnrecordedCalls",
}

// EventNames are the names of all records that there can be.
func EventNames() []string {
	names := slices.Concat(serviceEvents, []string{cloudtrail.LookupEvents},
		slices.Collect(maps.Keys(iam.New(iam.Config{}).Operations)), slices.Collect(maps.Keys(sts.New(sts.Config{}).Operations)))
	for op := api.Op(1); op <= api.NumOps; op++ {
		names = append(names, op.String())
	}
	for _, op := range admin.Operations {
		if op.Event != "" {
			names = append(names, op.Event)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}
