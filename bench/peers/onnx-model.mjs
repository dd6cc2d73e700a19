// A workload as one ONNX model: every chain from an input of its own to an output of its own.
import onnxProto from 'onnx-proto';

const { onnx } = onnxProto;
const { FLOAT } = onnx.TensorProto.DataType;

/** Opset 13 and IR 8: old enough for every runtime, new enough for every field used here. */
const OPSET = 13;
const IR_VERSION = 8;

const ints = (name, values) => ({ name, type: onnx.AttributeProto.AttributeType.INTS, ints: values });
const int = (name, value) => ({ name, type: onnx.AttributeProto.AttributeType.INT, i: value });
const string = (name, value) => ({
  name,
  type: onnx.AttributeProto.AttributeType.STRING,
  s: new TextEncoder().encode(value),
});

const initializer = (name, dims, values) => ({
  name,
  dataType: FLOAT,
  dims,
  rawData: new Uint8Array(values.buffer, values.byteOffset, values.byteLength),
});

const valueInfo = (name, dims) => ({
  name,
  type: { tensorType: { elemType: FLOAT, shape: { dim: dims.map((dimValue) => ({ dimValue })) } } },
});

function paddingAttributes(padding) {
  if (padding === 'same') return [string('auto_pad', 'SAME_UPPER')];
  if (padding === 'valid') return [string('auto_pad', 'VALID')];
  return [ints('pads', [...padding.map(([before]) => before), ...padding.map(([, after]) => after)])];
}

function convNode({ kind, options }, names) {
  const attributes = [
    ints('kernel_shape', options.kernelSize),
    ints('strides', options.stride),
    ints('dilations', options.dilation),
    int('group', options.groups),
    ...paddingAttributes(options.padding),
  ];
  if (kind === 'convTranspose') attributes.push(ints('output_padding', options.outputPadding));
  const opType = kind === 'convTranspose' ? 'ConvTranspose' : 'Conv';
  return {
    opType,
    name: names.output,
    input: [names.input, names.weight, names.bias],
    output: [names.output],
    attribute: attributes,
  };
}

/** The serialised model. `weightShape` gives a descriptor's weight in PyTorch's order, which is ONNX's too. */
export function onnxModel(chains, activation, weightShape) {
  const graph = { name: 'convolutions', node: [], initializer: [], input: [], output: [] };
  chains.forEach(({ layers, inputShape }, chain) => {
    let value = `x${chain}`;
    graph.input.push(valueInfo(value, inputShape));
    layers.forEach(({ descriptor, weight, bias }, index) => {
      const tag = `${chain}_${index}`;
      graph.initializer.push(initializer(`w${tag}`, weightShape(descriptor), weight));
      graph.initializer.push(initializer(`b${tag}`, [bias.length], bias));
      const output = index === layers.length - 1 ? `y${chain}` : `h${tag}`;
      const sum = activation === 'linear' ? output : `s${tag}`;
      graph.node.push(convNode(descriptor, { input: value, weight: `w${tag}`, bias: `b${tag}`, output: sum }));
      if (activation === 'relu') graph.node.push({ opType: 'Relu', name: output, input: [sum], output: [output] });
      value = output;
    });
    // The shape is the runtime's to infer: only the rank is written.
    graph.output.push({ name: value, type: { tensorType: { elemType: FLOAT } } });
  });
  const model = {
    irVersion: IR_VERSION,
    opsetImport: [{ domain: '', version: OPSET }],
    producerName: 'convolith-bench',
    graph,
  };
  return onnx.ModelProto.encode(onnx.ModelProto.create(model)).finish();
}
