"""ONNX Runtime's `MoE` operator: `python peer_onnxruntime.py FOLDER ROWS THREADS SECONDS OUTPUT`."""
import os
import sys

import numpy as np
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

import workload
from timing import measure

folder, rows, threads, seconds, output = sys.argv[1:]
gate, inner, up, down = workload.weights(folder)


def session(layer):
    """One layer; a model of all of them would exceed the size of a protocol buffer."""
    turned = [np.ascontiguousarray(stack[layer].transpose(0, 2, 1)) for stack in (inner, up, down)]
    pairs = np.stack(turned[:2], 2).reshape(workload.EXPERTS, 2 * workload.HIDDEN, workload.WIDTH)
    constants = {"weight": np.array(gate[layer]), "first": pairs, "second": turned[2]}
    nodes = [
        helper.make_node("MatMul", ["x", "weight"], ["scores"]),
        helper.make_node(
            "MoE",
            ["x", "scores", "first", "", "second"],
            ["mixed"],
            domain="com.microsoft",
            k=workload.KEPT,
            activation_type="swiglu",
            swiglu_fusion=1,
            activation_alpha=1.0,
            activation_beta=0.0,
            normalize_routing_weights=1,
        ),
        helper.make_node("Add", ["x", "mixed"], ["y"]),
    ]
    shape = ["N", workload.WIDTH]
    graph = helper.make_graph(
        nodes,
        "mixture",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, shape)],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    opsets = [helper.make_opsetid("", 21), helper.make_opsetid("com.microsoft", 1)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=10)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = int(threads), 1
    return onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )


sessions = [session(layer) for layer in range(workload.LAYERS)]
x = np.load(os.path.join(folder, f"x{rows}.npy"))


def call():
    y = x
    for layer in sessions:
        y = layer.run(["y"], {"x": y})[0]
    return y


measure(call, seconds, output)
