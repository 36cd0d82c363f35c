"""Resources: teams, equipment, supply lots, shelters and hospitals of all departments, how much of them is free, and requests for
them.

Amounts are whole numbers of the resource's own unit: pieces or boxes of a lot, places of a shelter, beds of a hospital. Units
(vehicles with crews) are in `domain.units`. The life of a request follows the messages of EDXL-RM 1.0 (OASIS, 2008: request,
response, commit, deployment status, extended duration, release, return).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from types import MappingProxyType
from zoneinfo import ZoneInfo

from domain.labels import Labelled
from domain.refusals import Refused


class ResourceKind(Labelled):
    TEAM = "team", "队伍", "team"
    EQUIPMENT = "equipment", "装备", "equipment"
    SUPPLY = "supply", "物资", "supply lot"
    SHELTER = "shelter", "避难场所", "shelter"
    HOSPITAL = "hospital", "医院", "hospital"


class ResourceStatus(Labelled):
    READY = "ready", "可用", "ready"
    OUT_OF_SERVICE = "out_of_service", "停用", "out of service"


class RequestState(Labelled):
    DRAFT = "draft", "草拟", "draft"
    REQUESTED = "requested", "已请求", "requested"
    ACKNOWLEDGED = "acknowledged", "已受理", "acknowledged"
    COMMITTED = "committed", "已承诺", "committed"
    DECLINED = "declined", "已谢绝", "declined"
    DEPLOYED = "deployed", "已调出", "deployed"
    EXTENDED = "extended", "已延期", "extended"
    RELEASED = "released", "已释放", "released"
    RETURNED = "returned", "已归还", "returned"
    CANCELLED = "cancelled", "已取消", "cancelled"


NEXT: Mapping[RequestState, tuple[RequestState, ...]] = MappingProxyType({
    RequestState.DRAFT: (RequestState.REQUESTED, RequestState.CANCELLED),
    RequestState.REQUESTED: (RequestState.ACKNOWLEDGED, RequestState.DECLINED, RequestState.CANCELLED),
    RequestState.ACKNOWLEDGED: (RequestState.COMMITTED, RequestState.DECLINED, RequestState.CANCELLED),
    RequestState.COMMITTED: (RequestState.DEPLOYED, RequestState.CANCELLED),
    RequestState.DEPLOYED: (RequestState.EXTENDED, RequestState.RELEASED),
    RequestState.EXTENDED: (RequestState.EXTENDED, RequestState.RELEASED),
    RequestState.RELEASED: (RequestState.RETURNED,),
    RequestState.DECLINED: (), RequestState.RETURNED: (), RequestState.CANCELLED: (),
})  # fmt: skip
"""State of a request → what it may become."""

HOLDING = (RequestState.COMMITTED, RequestState.DEPLOYED, RequestState.EXTENDED)
"""States in which a request holds what was reserved for it."""

DEPARTMENTS: Mapping[str, str] = MappingProxyType(
    {"shelter": "应急管理局", "warehouse": "应急管理局", "hospital": "卫生健康委员会"}
)
"""Who usually answers for a kind of place in a Chinese city, where its layers name nobody."""

_LOTS = (ResourceKind.SUPPLY, ResourceKind.EQUIPMENT, ResourceKind.TEAM)
MOST = 10**12
"""No amount is larger: what is typed by mistake should not be what is stored."""


@dataclass(frozen=True, slots=True)
class Resource:
    """A resource as known at some moment. `type` says which article of its kind. `capacity` is the stock of a lot, the places of
    a shelter, the beds of a hospital; `occupied` how many of them are taken (None: not known); `reserved` what is held for
    incidents; `expires_on` the last day on which it may be used. `actor` is who said so last, None for the city's layers."""

    resource_id: str
    kind: str
    type: str
    name_zh: str
    name_en: str
    unit_zh: str
    unit_en: str
    department: str | None
    district_code: str | None
    site_id: str | None
    site_zh: str
    site_en: str
    lon: float
    lat: float
    status: ResourceStatus
    capacity: int
    occupied: int | None
    expires_on: date | None
    reserved: int
    since: datetime
    recorded_at: datetime
    actor: str | None

    def is_expired(self, today: date) -> bool:
        return self.expires_on is not None and today > self.expires_on

    def free(self, today: date) -> int | None:
        """How many can be given out; None where it is not known how many are taken."""
        if self.status is not ResourceStatus.READY or self.is_expired(today):
            return 0
        return None if self.occupied is None else max(0, self.capacity - self.occupied - self.reserved)


@dataclass(frozen=True, slots=True)
class Reservation:
    """So much of a resource, held for an incident until `released_at`; `used` of it did not come back."""

    reservation_id: str
    resource_id: str
    incident_id: str
    request_id: str | None
    amount: int
    used: int
    reserved_at: datetime
    actor: str
    released_at: datetime | None
    exercise_id: str | None = None


@dataclass(frozen=True, slots=True)
class RequestStep:
    """One step of a request; `words` are somebody's own."""

    state: RequestState
    at: datetime
    actor: str
    words: str
    needed_until: datetime | None


@dataclass(frozen=True, slots=True)
class ResourceRequest:
    """What is asked for an incident: so much of a type, from a department (None: from whoever has it). Its steps are as known at
    some moment, oldest first, at least one."""

    request_id: str
    incident_id: str
    type: str
    amount: int
    department: str | None
    created_at: datetime
    steps: tuple[RequestStep, ...]
    exercise_id: str | None = None

    @property
    def last(self) -> RequestStep:
        return self.steps[-1]

    @property
    def state(self) -> RequestState:
        return self.last.state


@dataclass(frozen=True, slots=True)
class Holding:
    """A resource as the city's layers tell of it. `occupied`: None where they cannot know."""

    resource_id: str
    kind: ResourceKind
    type: str
    name_zh: str
    name_en: str
    unit_zh: str
    unit_en: str
    department: str | None
    district_code: str | None
    site_id: str | None
    site_zh: str
    site_en: str
    lon: float
    lat: float
    capacity: int
    occupied: int | None
    expires_on: date | None
    crs_origin: str = "EPSG:4326"


def is_lot(kind: str) -> bool:
    """Whether what is given out of it may be used up."""
    return kind in _LOTS


def check_reserve(resource: Resource, amount: int, today: date) -> None:
    """Raises Refused unless so much of the resource can be given out today."""
    zh, en = resource.name_zh, resource.name_en
    if resource.status is not ResourceStatus.READY:
        raise Refused(
            "resource_out_of_service",
            f"{zh}（{resource.resource_id}）已停用：应为可用的资源，请另选",
            f"{en} ({resource.resource_id}) is out of service: expected one that is ready; choose another",
        )
    if resource.is_expired(today):
        raise Refused(
            "resource_expired",
            f"{zh}（{resource.resource_id}）有效期至 {resource.expires_on}，今日为 {today}：过期不得调用，请另选",
            f"{en} ({resource.resource_id}) could be used until {resource.expires_on}, today is {today}: expected a lot that has "
            "not expired; choose another",
        )
    free = resource.free(today)
    if free is None:
        raise Refused(
            "occupancy_unknown",
            f"{zh}（{resource.resource_id}）已用数量未知：应先登记占用情况，再预留",
            f"how much of {en} ({resource.resource_id}) is taken is not known: expected a figure; note it first, then reserve",
        )
    if amount > free:
        raise Refused(
            "not_enough",
            f"{zh}（{resource.resource_id}）可用 {free} {resource.unit_zh}，请求 {amount}：应不超过可用数量，请减少或另选",
            f"{en} ({resource.resource_id}) has {free} {resource.unit_en} free and {amount} were asked for: expected no more "
            "than are free; ask for fewer or choose another",
        )


def check_advance(request: ResourceRequest, wanted: RequestState, *, zone: ZoneInfo) -> None:
    """Raises Refused unless the request may become `wanted`."""
    if wanted in NEXT[request.state]:
        return
    clock = request.last.at.astimezone(zone).strftime("%H:%M")
    after = NEXT[request.state]
    raise Refused(
        "request_state_forbids",
        f"请求 {request.request_id} {request.state.zh}（{clock} 起），不能改为{wanted.zh}：应为"
        + ("、".join(state.zh for state in after) + "之一" if after else "另提的新请求"),
        f"request {request.request_id} has been {request.state.en} since {clock} and cannot become {wanted.en}: "
        + (f"expected {' or '.join(state.en for state in after)}" if after else "make a new one"),
    )


def allocate(resources: Sequence[tuple[Resource, float]], amount: int, today: date) -> list[tuple[Resource, int]]:
    """From which resources (with their distances in metres) so many are taken: the nearest first, by whole kilometres, and of
    those equally near what expires first. Less than `amount` in all when there is no more."""
    chosen: list[tuple[Resource, int]] = []
    by_worth = sorted(resources, key=lambda row: (row[1] // 1000, row[0].expires_on or date.max, row[1], row[0].resource_id))
    for resource, _ in by_worth:
        n = min(amount - sum(taken for _, taken in chosen), resource.free(today) or 0)
        if n > 0:
            chosen.append((resource, n))
    return chosen
