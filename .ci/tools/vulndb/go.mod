module github.com/azure-cert-sync/azure-cert-sync/.ci/tools/vulndb

go 1.26.0

// Only data: no package of it is imported, so "go mod tidy" would remove it.
require golang.org/x/vulndb v0.0.0-20261105234957-e22db6528018
