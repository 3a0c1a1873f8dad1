CHART="portal"
def values(*, apps, cluster): return {}
