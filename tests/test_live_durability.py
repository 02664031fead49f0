"""A server that is killed keeps every vote that it has acknowledged, and none twice."""

import asyncio

from load.page import Person, Server, answer_together, lost_and_doubled
from made_up_asks import write_ask


def test_a_killed_server_keeps_every_acknowledged_vote_and_none_twice(tmp_path):
    server = Server(tmp_path)
    write_ask(server.results / "asks/ask_0", galaxies=300, people=8)
    server.start()
    people = [Person(number, token, server.port) for number, token in enumerate(server.invite(8))]
    asyncio.run(answer_together(people, 2, meanwhile=server.kill))
    before = [len(person.acknowledged) for person in people]
    assert sum(before) > 8
    server.start()
    asyncio.run(answer_together(people, 1))
    assert sum(len(person.acknowledged) for person in people) > sum(before)
    server.kill()
    assert lost_and_doubled(people, server.results) == (0, 0)
