module github.com/azure-cert-sync/azure-cert-sync/e2e/cluster/programs/cert-manager

go 1.26.0

require github.com/cert-manager/cert-manager v1.21.2
