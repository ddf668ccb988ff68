from functionfuse import workflow


@workflow
def load(count):
    return list(range(count))


@workflow
def mean(values, power=1):
    return sum(value**power for value in values) / len(values)


data = load(1000).set_name("data")
square = mean(data, power=2).set_name("square")
