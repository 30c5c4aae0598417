package follow

const MaxPath = maxPath
