OPERATOR_CHART="redis-operator"
CHART="redis-failover"
def operator_values(*, cluster): return {}
def failover_values(**k): return {}
