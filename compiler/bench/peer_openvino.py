"""OpenVINO, a loop over the experts: `python peer_openvino.py FOLDER ROWS THREADS SECONDS OUTPUT`.

Each expert takes the rows that chose it. Of what OpenVINO 2026.4 has, this was the fastest for each number of rows: all experts for all
rows take two to four times as long, its `GroupedMatMul` up to three times, and adding each expert's rows to the result
(`ScatterNDUpdate`) instead of putting all in their places at once some hundredths more.
"""
import os
import sys

import numpy as np
import openvino
from openvino import opset15 as op

import workload
from timing import measure

folder, rows, threads, seconds, output = sys.argv[1:]
gate, *experts = workload.weights(folder)


def integers(*values):
    return op.constant(np.array(values, np.int64))


FIRST, LAST, KEPT = (op.constant(np.int64(value)) for value in (0, 1, workload.KEPT))


def expert(x, layer, number):
    """What an expert makes of its rows; the library wants the weights of each output together."""
    inner, up, down = (op.constant(np.ascontiguousarray(stack[layer][number].T)) for stack in experts)
    hidden = op.multiply(op.swish(op.matmul(x, inner, False, True)), op.matmul(x, up, False, True))
    return op.matmul(hidden, down, False, True)


def mixture(x, layer):
    """One layer: a row's choices have places, one after the other, among those of all rows."""
    scores = op.matmul(x, op.constant(np.array(gate[layer])), False, False)
    best = op.topk(scores, KEPT, 1, "max", "value", index_element_type="i64")
    shares = op.softmax(best.output(0), 1)
    chosen = op.reshape(best.output(1), integers(-1), False)
    places, results = [], []
    for number in range(workload.EXPERTS):
        place = op.squeeze(op.non_zero(op.equal(chosen, op.constant(np.int64(number))), "i64"), FIRST)
        places.append(place)
        results.append(expert(op.gather(x, op.divide(place, KEPT), FIRST), layer, number))
    result = op.concat(results, 0)
    empty = op.broadcast(op.constant(np.float32(0)), op.shape_of(result))
    each = op.scatter_update(empty, op.concat(places, 0), result, FIRST)
    each = op.multiply(op.reshape(each, integers(-1, workload.KEPT, workload.WIDTH), False), op.unsqueeze(shares, integers(-1)))
    return op.add(x, op.reduce_sum(each, LAST, False))


def compiled():
    x = y = op.parameter([-1, workload.WIDTH], np.float32)
    for layer in range(workload.LAYERS):
        y = mixture(y, layer)
    settings = {"INFERENCE_NUM_THREADS": int(threads), "PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": "f32"}
    return openvino.Core().compile_model(openvino.Model([y], [x]), "CPU", settings)


request = compiled().create_infer_request()
given = np.load(os.path.join(folder, f"x{rows}.npy"))
measure(lambda: request.infer([given], share_inputs=True, share_outputs=True)[0], seconds, output)
