module trent/test/runner

go 1.26.0
