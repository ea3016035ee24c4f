"""The typed foreign function around a kernel: an XLA handler that shares tasks among XLA's own threads.

Offsets are those of xla/ffi/api/c_api.h, version 0.3 of the interface, whose layout older and newer minor
versions keep. The caller works through the tasks itself; helpers that the pool starts in time take some of
them. It waits only for helpers that have begun, so that a pool all of whose threads are busy, with this very
handler perhaps, cannot block it. A helper that starts late finds the gate closed and leaves.
"""

CLOSED = 1 << 40
"""Bit of the gate that says that no more helpers may begin."""

API_MINOR = 3
"""Minor version of the interface that the offsets were read from."""


def handler_text(buffers: int, arguments: int, items_argument: int, group: int, scratch_bytes: int, flush: bool) -> str:
    """Return the text of the functions around `work`.

    **Arguments:** `buffers`: arguments and results; `arguments`: how many of them are arguments;
    `items_argument`: the argument whose first dimension is the number of items; `group`: items of a task;
    `scratch_bytes`: a thread's
    working memory; `flush`: whether to flush subnormal numbers to zero as XLA does (x86).
    """
    return _TEMPLATE.format(
        buffers=buffers,
        gather="\n".join(_gather(number, arguments) for number in range(buffers)),
        items_argument=items_argument,
        group=group,
        group_less=group - 1,
        scratch=(scratch_bytes + 63) // 64 * 64 + 64,
        closed=CLOSED,
        begun=CLOSED - 1,
        minor=API_MINOR,
        csr_type="declare void @llvm.x86.sse.stmxcsr(ptr)\ndeclare void @llvm.x86.sse.ldmxcsr(ptr)" if flush else "",
        set_csr=_SET_CSR if flush else "",
        reset_csr="  call void @llvm.x86.sse.ldmxcsr(ptr %csr)" if flush else "",
    )


def _gather(number: int, arguments: int) -> str:
    """Return the instructions that copy the address of one buffer's data into the table."""
    table, place = ("%args", number) if number < arguments else ("%rets", number - arguments)
    return f"""  %p{number} = getelementptr inbounds ptr, ptr {table}, i64 {place}
  %b{number} = load ptr, ptr %p{number}
  %d{number} = getelementptr inbounds i8, ptr %b{number}, i64 24
  %a{number} = load ptr, ptr %d{number}
  %t{number} = getelementptr inbounds ptr, ptr %table, i64 {number}
  store ptr %a{number}, ptr %t{number}"""


# Flush results (bit 15) and operands (bit 6) that are subnormal.
_SET_CSR = """  %csr = alloca i32
  %flushing = alloca i32
  call void @llvm.x86.sse.stmxcsr(ptr %csr)
  %csr.old = load i32, ptr %csr
  %csr.new = or i32 %csr.old, 32832
  store i32 %csr.new, ptr %flushing
  call void @llvm.x86.sse.ldmxcsr(ptr %flushing)"""

_TEMPLATE = """
declare ptr @malloc(i64)
declare void @free(ptr)
declare i32 @sched_yield()
{csr_type}

; Shared by the caller and its helpers, on the heap: it outlives the call for helpers that come late.
; gate, next task, helpers that have ended, references, items, table of buffers.
%state = type {{ i64, i64, i64, i64, i64, ptr }}

define internal void @run(ptr %s) #0 {{
entry:
{set_csr}
  %raw = call ptr @malloc(i64 {scratch})
  %raw.number = ptrtoint ptr %raw to i64
  %up = add i64 %raw.number, 63
  %aligned = and i64 %up, -64
  %scratch = inttoptr i64 %aligned to ptr
  %next = getelementptr inbounds %state, ptr %s, i64 0, i32 1
  %items.at = getelementptr inbounds %state, ptr %s, i64 0, i32 4
  %items = load i64, ptr %items.at
  %items.up = add i64 %items, {group_less}
  %tasks = udiv i64 %items.up, {group}
  %table.at = getelementptr inbounds %state, ptr %s, i64 0, i32 5
  %table = load ptr, ptr %table.at
  br label %take
take:
  %task = atomicrmw add ptr %next, i64 1 monotonic
  %some = icmp ult i64 %task, %tasks
  br i1 %some, label %do, label %done
do:
  call void @work(ptr %table, i64 %task, i64 %items, ptr %scratch)
  br label %take
done:
  call void @free(ptr %raw)
{reset_csr}
  ret void
}}

define internal void @release(ptr %s) {{
  %references = getelementptr inbounds %state, ptr %s, i64 0, i32 3
  %before = atomicrmw sub ptr %references, i64 1 acq_rel
  %last = icmp eq i64 %before, 1
  br i1 %last, label %drop, label %keep
drop:
  call void @free(ptr %s)
  br label %keep
keep:
  ret void
}}

define internal void @help(ptr %s) {{
  %gate = getelementptr inbounds %state, ptr %s, i64 0, i32 0
  %before = atomicrmw add ptr %gate, i64 1 acq_rel
  %open = icmp ult i64 %before, {closed}
  br i1 %open, label %work, label %leave
work:
  call void @run(ptr %s)
  %ended = getelementptr inbounds %state, ptr %s, i64 0, i32 2
  atomicrmw add ptr %ended, i64 1 release
  br label %leave
leave:
  call void @release(ptr %s)
  ret void
}}

define ptr @handler(ptr %frame) {{
entry:
  %threads = alloca i64
  %query = alloca [4 x i64]
  %order = alloca [5 x i64]
  %table = alloca [{buffers} x ptr]
  %extension.at = getelementptr inbounds i8, ptr %frame, i64 8
  %extension = load ptr, ptr %extension.at
  %plain = icmp eq ptr %extension, null
  br i1 %plain, label %execute, label %extended
extended:
  %kind.at = getelementptr inbounds i8, ptr %extension, i64 8
  %kind = load i32, ptr %kind.at
  %asks = icmp eq i32 %kind, 1
  br i1 %asks, label %metadata, label %execute
metadata:
  %metadata.at = getelementptr inbounds i8, ptr %extension, i64 24
  %meta = load ptr, ptr %metadata.at
  %major.at = getelementptr inbounds i8, ptr %meta, i64 24
  store i32 0, ptr %major.at
  %minor.at = getelementptr inbounds i8, ptr %meta, i64 28
  store i32 {minor}, ptr %minor.at
  %traits.at = getelementptr inbounds i8, ptr %meta, i64 32
  store i32 0, ptr %traits.at
  ret ptr null
execute:
  %args.at = getelementptr inbounds i8, ptr %frame, i64 72
  %args = load ptr, ptr %args.at
  %rets.at = getelementptr inbounds i8, ptr %frame, i64 112
  %rets = load ptr, ptr %rets.at
{gather}
  %dims.at = getelementptr inbounds i8, ptr %b{items_argument}, i64 40
  %dims = load ptr, ptr %dims.at
  %items = load i64, ptr %dims
  %s = call ptr @malloc(i64 48)
  %gate = getelementptr inbounds %state, ptr %s, i64 0, i32 0
  store i64 0, ptr %gate
  %next = getelementptr inbounds %state, ptr %s, i64 0, i32 1
  store i64 0, ptr %next
  %ended = getelementptr inbounds %state, ptr %s, i64 0, i32 2
  store i64 0, ptr %ended
  %references = getelementptr inbounds %state, ptr %s, i64 0, i32 3
  store i64 1, ptr %references
  %items.to = getelementptr inbounds %state, ptr %s, i64 0, i32 4
  store i64 %items, ptr %items.to
  %table.to = getelementptr inbounds %state, ptr %s, i64 0, i32 5
  store ptr %table, ptr %table.to
  %api.at = getelementptr inbounds i8, ptr %frame, i64 16
  %api = load ptr, ptr %api.at
  %context.at = getelementptr inbounds i8, ptr %frame, i64 24
  %context = load ptr, ptr %context.at
  store i64 1, ptr %threads
  %items.up = add i64 %items, {group_less}
  %tasks = udiv i64 %items.up, {group}
  %several = icmp ugt i64 %tasks, 1
  br i1 %several, label %ask, label %mine
ask:
  %count.at = getelementptr inbounds i8, ptr %api, i64 144
  %count = load ptr, ptr %count.at
  store i64 32, ptr %query
  %query.1 = getelementptr inbounds i64, ptr %query, i64 1
  store i64 0, ptr %query.1
  %query.2 = getelementptr inbounds i64, ptr %query, i64 2
  store ptr %context, ptr %query.2
  %query.3 = getelementptr inbounds i64, ptr %query, i64 3
  store ptr %threads, ptr %query.3
  %ask.error = call ptr %count(ptr %query)
  %answered = icmp eq ptr %ask.error, null
  br i1 %answered, label %plan, label %ask.failed
ask.failed:
  call void @destroy(ptr %api, ptr %ask.error)
  br label %mine
plan:
  %n = load i64, ptr %threads
  %less = sub i64 %tasks, 1
  %others = sub i64 %n, 1
  %few = icmp slt i64 %others, %less
  %wanted = select i1 %few, i64 %others, i64 %less
  br label %call.head
call.head:
  %called = phi i64 [ 0, %plan ], [ %called.next, %call.done ]
  %again = icmp slt i64 %called, %wanted
  br i1 %again, label %call, label %mine
call:
  %up = atomicrmw add ptr %references, i64 1 monotonic
  %schedule.at = getelementptr inbounds i8, ptr %api, i64 136
  %schedule = load ptr, ptr %schedule.at
  store i64 40, ptr %order
  %order.1 = getelementptr inbounds i64, ptr %order, i64 1
  store i64 0, ptr %order.1
  %order.2 = getelementptr inbounds i64, ptr %order, i64 2
  store ptr %context, ptr %order.2
  %order.3 = getelementptr inbounds i64, ptr %order, i64 3
  store ptr @help, ptr %order.3
  %order.4 = getelementptr inbounds i64, ptr %order, i64 4
  store ptr %s, ptr %order.4
  %call.error = call ptr %schedule(ptr %order)
  %scheduled = icmp eq ptr %call.error, null
  br i1 %scheduled, label %call.done, label %call.failed
call.failed:
  call void @destroy(ptr %api, ptr %call.error)
  %down = atomicrmw sub ptr %references, i64 1 monotonic
  br label %mine
call.done:
  %called.next = add i64 %called, 1
  br label %call.head
mine:
  call void @run(ptr %s)
  %closing = atomicrmw or ptr %gate, i64 {closed} acq_rel
  %begun = and i64 %closing, {begun}
  br label %wait
wait:
  %so.far = load atomic i64, ptr %ended acquire, align 8
  %all = icmp uge i64 %so.far, %begun
  br i1 %all, label %over, label %yield
yield:
  %ignored = call i32 @sched_yield()
  br label %wait
over:
  call void @release(ptr %s)
  ret ptr null
}}

define internal void @destroy(ptr %api, ptr %error) {{
  %order = alloca [3 x i64]
  store i64 24, ptr %order
  %order.1 = getelementptr inbounds i64, ptr %order, i64 1
  store i64 0, ptr %order.1
  %order.2 = getelementptr inbounds i64, ptr %order, i64 2
  store ptr %error, ptr %order.2
  %destroy.at = getelementptr inbounds i8, ptr %api, i64 64
  %destroy = load ptr, ptr %destroy.at
  call void %destroy(ptr %order)
  ret void
}}
"""
