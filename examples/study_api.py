"""A study from Python: how does an election go with the size of a zone, and with how patient its hosts are?

Every combination is played with the same three seeds, so that what differs comes from the values.

python examples/study_api.py
"""

import imafarm
from imafarm.study import Study, study


def main() -> Study:
    return study(
        "master-failover",
        vary={"hosts": "50,100,200", "ElectMasterTimeout": [500, 1_000, 2_000]},
        measures=["converge_seconds", "messages"],
    )


# Points are played in processes of their own, each of which reads this file.
if __name__ == "__main__":
    found = main()
    assert found.passed
    for mean in found.means:
        took, messages = mean.measures["converge_seconds"], mean.measures["messages"]
        assert took is not None and messages is not None
        print(", ".join(f"{name} {value:>5,}" for name, value in mean.vary.items()), end=": ")
        print(f"{took:.2f} s, {messages:>9,.0f} messages")
    print(f"imafarm {imafarm.__version__}, {len(found.rows)} points, in a table: {found.table()!r}")
