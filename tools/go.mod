module trent/tools

go 1.26.0
