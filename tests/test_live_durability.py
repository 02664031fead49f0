"""A server that is killed keeps every vote that it has acknowledged, and none twice."""

import asyncio

from load.page import Person, Server, acknowledged, answer_together, lost_and_doubled
from made_up_asks import write_ask


def test_a_killed_server_keeps_every_acknowledged_vote_and_none_twice(tmp_path):
    server = Server(tmp_path)
    write_ask(server.results / "asks/ask_0", galaxies=300, people=8)
    server.start()
    people = [Person(number, token, server.port) for number, token in enumerate(server.invite(8))]
    asyncio.run(answer_together(people, lambda: acknowledged(people) >= 100, server.kill))
    before = acknowledged(people)
    assert before >= 100
    server.start()
    asyncio.run(answer_together(people, lambda: acknowledged(people) >= before + 50))
    server.kill()
    assert lost_and_doubled(people, server.results) == (0, 0)
