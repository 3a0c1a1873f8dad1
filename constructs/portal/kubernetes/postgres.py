OPERATOR_CHART="cloudnative-pg"
CHART="postgres-cluster"
def operator_values(*, cluster): return {}
def cluster_values(**k): return {}
