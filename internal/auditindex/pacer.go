package auditindex

import (
	"context"
	"time"
)

// pacer keeps work within its share of a processor: now and then it rests, and
// requests have the processor. What has no file yet can wait, and is read where
// it is asked for.
type pacer struct {
	share int
	began time.Time // of the work since the last rest
}

// slice is how long work goes on before a rest: short, so that no moment of a
// busy service has more of it than another.
const slice = 2 * time.Millisecond

func newPacer(share int) pacer { return pacer{share: share, began: time.Now()} }

// step rests if it is time to, for as long as the share says or until the context
// ends.
func (p *pacer) step(ctx context.Context) {
	if p.share <= 1 {
		return
	}
	worked := time.Since(p.began)
	if worked < slice {
		return
	}
	timer := time.NewTimer(worked * time.Duration(p.share-1))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
	p.began = time.Now()
}
