"""Sessions that hold only what is the caller's own: nobody sees or changes what another has saved.

The condition is put to every query of a session, not written with each: none can forget it. What is of a catalogue that
the caller does not see (any more) is not there either.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, and_, event
from sqlalchemy.orm import ORMExecuteState, Session, with_loader_criteria

from clip_branches.access import Caller
from web_service.keeping.tables import Collection, SavedSearch

# Of a query that is about all rows: what was deleted long ago is removed, whoever it was of.
EVERYBODYS = {"clip_branches_everybodys": True}
_CALLER = "clip_branches_caller"


class OwnSession(Session):
    """A session of one caller."""

    def __init__(self, bind: Any, caller: Caller, **options: Any) -> None:
        super().__init__(bind, info={_CALLER: caller}, **options)

    @property
    def owner(self) -> str:
        """Whose rows are made in it."""
        caller: Caller = self.info[_CALLER]
        return caller.owner


@event.listens_for(OwnSession, "do_orm_execute")
def _only_ones_own(state: ORMExecuteState) -> None:
    if state.is_select and not state.is_column_load and "clip_branches_everybodys" not in state.execution_options:
        caller = state.session.info[_CALLER]
        criteria = (with_loader_criteria(table, _own(table, caller)) for table in (SavedSearch, Collection))
        state.statement = state.statement.options(*criteria)


def _own(table: type[SavedSearch | Collection], caller: Caller) -> ColumnElement[bool]:
    mine = table.owner == caller.owner
    if caller.catalogues is not None:
        return and_(mine, table.catalogue.in_(sorted(caller.catalogues)))
    return and_(mine, table.catalogue.not_in(sorted(caller.hidden))) if caller.hidden else mine
